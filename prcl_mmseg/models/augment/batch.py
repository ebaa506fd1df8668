# Copyright (c) prcl_mmseg authors. All rights reserved.
import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

IGNORE_INDEX = 255


@dataclass(frozen=True, eq=False)
class PseudoLabeledBatch:
    """Images with the teacher's pseudo-labels, as strong augmentation sees it.

    Pixels that carry no pseudo-label, such as padding, have label 255 and
    confidence 0. Every transform of this package keeps the three maps aligned
    and returns a new batch instead of writing into the old one.

    Args:
        image (Tensor): Normalised images, (N, C, H, W), float. The colour
            order is RGB where C is 3. The value 0 is the mean colour.
        label (Tensor): Pseudo-labels, (N, H, W), int64: a class in 0..254, or
            255 for ignored pixels.
        confidence (Tensor): Confidence of the pseudo-label, (N, H, W), float
            in [0, 1].
        mean (Tensor): What was subtracted from the raw image, (C, 1, 1), or
            (1, 1, 1) for all channels. In raw units, 0..255 for 8-bit images.
        std (Tensor): What the difference was divided by, shaped as ``mean``.
    """
    image: Tensor
    label: Tensor
    confidence: Tensor
    mean: Tensor
    std: Tensor

    def replace(self, **fields: Tensor) -> 'PseudoLabeledBatch':
        """Return a copy with some fields exchanged.

        Args:
            **fields (Tensor): New values by field name.

        Returns:
            PseudoLabeledBatch: The new batch; the other tensors are shared.
        """
        return dataclasses.replace(self, **fields)

    def check(self) -> None:
        """Raise an error unless shapes, dtypes and devices fit together.

        Only metadata is read, so an accelerator is not waited for.

        Raises:
            ValueError: If a field has the wrong shape, dtype or device.
        """
        image = self.image
        if image.ndim != 4 or not image.is_floating_point():
            raise ValueError(
                'PseudoLabeledBatch.image must be a normalised float tensor '
                f'of shape (N, C, H, W), but got {_describe(image)}')
        num, channels, height, width = image.shape
        for name in ('label', 'confidence'):
            value = getattr(self, name)
            if value.shape != (num, height, width):
                raise ValueError(
                    f'PseudoLabeledBatch.{name} must have the shape (N, H, W) '
                    f'= {(num, height, width)} of the image, but got '
                    f'{_describe(value)}')
        if self.label.dtype != torch.int64:
            raise ValueError(
                'PseudoLabeledBatch.label must be int64 class indices, but '
                f'got {_describe(self.label)}')
        if not self.confidence.is_floating_point():
            raise ValueError(
                'PseudoLabeledBatch.confidence must be a float in [0, 1], '
                f'but got {_describe(self.confidence)}')
        for name in ('mean', 'std'):
            value = getattr(self, name)
            if value.shape not in ((channels, 1, 1), (1, 1, 1)):
                raise ValueError(
                    f'PseudoLabeledBatch.{name} must have one value per image '
                    f'channel, shape {(channels, 1, 1)}, or one for all, '
                    f'shape (1, 1, 1), but got {_describe(value)}')
        for name in ('label', 'confidence', 'mean', 'std'):
            value = getattr(self, name)
            if value.device != image.device:
                raise ValueError(
                    f'PseudoLabeledBatch.{name} is on {value.device}, but the '
                    f'image is on {image.device}: move both to one device')


def _describe(value: Tensor) -> str:
    return f'shape {tuple(value.shape)} and dtype {value.dtype}'
