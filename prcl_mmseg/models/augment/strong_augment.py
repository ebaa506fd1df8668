# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, Optional, Sequence, Union

from mmseg.registry import MODELS
from torch import nn

from ..structures import View
from .base import BatchTransform


@MODELS.register_module()
class StrongAugment(BatchTransform):
    """The strong augmentation of a pseudo-labelled view: transforms in a row.

    Image, pseudo-label and all other maps are transformed together, on their
    device and without rounding to 8 bit.

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
        ...     View(image, dict(label=label, confidence=confidence), mean,
        ...          std))
    """

    def __init__(
        self,
        transforms: Union[Dict[str, Optional[dict]], Sequence[dict]] = ()
    ) -> None:
        super().__init__()
        if not isinstance(transforms, (dict, list, tuple)):
            raise ValueError(f'StrongAugment.transforms={transforms!r} must '
                             'be a dict of transforms, or a list of them')
        if isinstance(transforms, dict):
            transforms = transforms.values()
        self.transforms = nn.ModuleList(
            MODELS.build(cfg) for cfg in transforms if cfg is not None)

    def transform(self, view: View) -> View:
        """Apply every transform in order."""
        view.check()
        for transform in self.transforms:
            view = transform(view)
        return view
