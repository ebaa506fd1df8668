# Copyright (c) prcl_mmseg authors. All rights reserved.
from .base import BatchTransform, choose_images, draw_uniform
from .geometric import RandomFlip, RandomScaleCrop
from .mix import ClassMix, CutMix, CutOut
from .photometric import ColorJitter, GaussianBlur, RandomGray
from .strong_augment import StrongAugment

__all__ = [
    'BatchTransform', 'ClassMix', 'ColorJitter', 'CutMix', 'CutOut',
    'GaussianBlur', 'RandomFlip', 'RandomGray', 'RandomScaleCrop',
    'StrongAugment', 'choose_images', 'draw_uniform'
]
