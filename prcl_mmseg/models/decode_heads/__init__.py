# Copyright (c) prcl_mmseg authors. All rights reserved.
from .heads_of_segmentor import (decode_heads, dense_heads, embedding_head,
                                 make_probabilistic, unwrap_heads)
from .probabilistic_decode_head import ProbabilisticDecodeHead

__all__ = [
    'ProbabilisticDecodeHead', 'decode_heads', 'dense_heads',
    'embedding_head', 'make_probabilistic', 'unwrap_heads'
]
