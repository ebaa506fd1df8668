# Copyright (c) prcl_mmseg authors. All rights reserved.
from .heads_of_segmentor import (auxiliary_heads, decode_heads, dense_heads,
                                 embedding_head, head_configs,
                                 ignored_label, make_probabilistic,
                                 prediction_threshold, unwrap_heads)
from .probabilistic_decode_head import ProbabilisticDecodeHead

__all__ = [
    'ProbabilisticDecodeHead', 'auxiliary_heads', 'decode_heads',
    'dense_heads', 'embedding_head', 'head_configs', 'ignored_label',
    'make_probabilistic', 'prediction_threshold', 'unwrap_heads'
]
