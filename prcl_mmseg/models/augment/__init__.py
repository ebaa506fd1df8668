# Copyright (c) prcl_mmseg authors. All rights reserved.
from .base import BatchTransform, choose_images
from .batch import IGNORE_INDEX, PseudoLabeledBatch
from .geometric import RandomFlip, RandomScaleCrop
from .mix import ClassMix, CutMix, CutOut
from .photometric import ColorJitter, GaussianBlur
from .strong_augment import StrongAugment

__all__ = [
    'BatchTransform', 'ClassMix', 'ColorJitter', 'CutMix', 'CutOut',
    'GaussianBlur', 'IGNORE_INDEX', 'PseudoLabeledBatch', 'RandomFlip',
    'RandomScaleCrop', 'StrongAugment', 'choose_images'
]
