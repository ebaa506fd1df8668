# Copyright (c) prcl_mmseg authors. All rights reserved.
from .multi_channel_preprocessor import MultiChannelSegDataPreProcessor
from .semi_seg_data_preprocessor import (SemiSegDataPreprocessor,
                                         for_any_channels, real_pixels)

__all__ = [
    'MultiChannelSegDataPreProcessor', 'SemiSegDataPreprocessor',
    'for_any_channels', 'real_pixels'
]
