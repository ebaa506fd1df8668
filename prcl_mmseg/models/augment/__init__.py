# Copyright (c) prcl_mmseg authors. All rights reserved.
from .base import BatchTransform
from .batch import PseudoLabeledBatch
from .geometric import RandomFlip, RandomScaleCrop
from .mix import ClassMix, CutMix, CutOut
from .photometric import ColorJitter, GaussianBlur
from .strong_augment import StrongAugment

__all__ = [
    'BatchTransform', 'ClassMix', 'ColorJitter', 'CutMix', 'CutOut',
    'GaussianBlur', 'PseudoLabeledBatch', 'RandomFlip', 'RandomScaleCrop',
    'StrongAugment'
]
