# Copyright (c) prcl_mmseg authors. All rights reserved.
from .multi_channel_preprocessor import MultiChannelSegDataPreProcessor
from .semi_seg_data_preprocessor import SemiSegDataPreprocessor, real_pixels

__all__ = [
    'MultiChannelSegDataPreProcessor', 'SemiSegDataPreprocessor',
    'real_pixels'
]
