# Copyright (c) prcl_mmseg authors. All rights reserved.
from .probabilistic_decode_head import (ProbabilisticDecodeHead,
                                        ProbabilisticOutput)

__all__ = ['ProbabilisticDecodeHead', 'ProbabilisticOutput']
