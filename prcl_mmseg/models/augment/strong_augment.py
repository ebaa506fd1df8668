# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Sequence

from mmseg.registry import MODELS
from torch import nn

from .base import BatchTransform
from .batch import PseudoLabeledBatch


@MODELS.register_module()
class StrongAugment(BatchTransform):
    """The strong view of a pseudo-labelled batch: transforms in a row.

    Image, pseudo-label and confidence are transformed together, on the device
    of the batch and without rounding to 8 bit.

    Args:
        transforms (Sequence[dict]): Configs of the transforms, applied in
            this order. None at all leave the batch as it is. Defaults to ().

    Examples:
        >>> augment = MODELS.build(
        ...     dict(
        ...         type='StrongAugment',
        ...         transforms=[
        ...             dict(type='RandomScaleCrop', scale=(0.5, 1.5)),
        ...             dict(type='ClassMix'),
        ...             dict(type='ColorJitter'),
        ...             dict(type='GaussianBlur'),
        ...             dict(type='RandomFlip')
        ...         ]))
        >>> strong = augment(
        ...     PseudoLabeledBatch(image, label, confidence, mean, std))
    """

    def __init__(self, transforms: Sequence[dict] = ()) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(
            MODELS.build(cfg) for cfg in transforms)

    def transform(self, batch: PseudoLabeledBatch) -> PseudoLabeledBatch:
        """Apply every transform in order."""
        batch.check()
        for transform in self.transforms:
            batch = transform(batch)
        return batch
