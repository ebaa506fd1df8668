# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, Optional, Sequence, Union

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
        transforms (dict[str, dict] | Sequence[dict]): Configs of the
            transforms, applied in this order. Names let an inheriting config
            change one of them; None instead of a config switches it off. No
            transforms at all leave the batch as it is. Defaults to ().

    Examples:
        >>> augment = MODELS.build(
        ...     dict(
        ...         type='StrongAugment',
        ...         transforms=dict(
        ...             scale_crop=dict(type='RandomScaleCrop'),
        ...             mix=dict(type='ClassMix'),
        ...             color=dict(type='ColorJitter'),
        ...             blur=None,
        ...             flip=dict(type='RandomFlip'))))
        >>> strong = augment(
        ...     PseudoLabeledBatch(image, label, confidence, mean, std))
    """

    def __init__(
        self,
        transforms: Union[Dict[str, Optional[dict]], Sequence[dict]] = ()
    ) -> None:
        super().__init__()
        if isinstance(transforms, dict):
            transforms = transforms.values()
        self.transforms = nn.ModuleList(
            MODELS.build(cfg) for cfg in transforms if cfg is not None)

    def transform(self, batch: PseudoLabeledBatch) -> PseudoLabeledBatch:
        """Apply every transform in order."""
        batch.check()
        for transform in self.transforms:
            batch = transform(batch)
        return batch
