# Copyright (c) prcl_mmseg authors. All rights reserved.
from .augment import *  # noqa: F401,F403
from .data_preprocessor import SemiSegDataPreprocessor
from .decode_heads import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .necks import *  # noqa: F401,F403
from .multi_channel_preprocessor import MultiChannelSegDataPreProcessor
from .prototype_bank import ClassEvidence, PrototypeBank
from .segmentors import *  # noqa: F401,F403
from .teacher import EMATeacher

__all__ = [
    'ClassEvidence', 'EMATeacher', 'MultiChannelSegDataPreProcessor',
    'PrototypeBank', 'SemiSegDataPreprocessor'
]
