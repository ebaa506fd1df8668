# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Tuple

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from .base import (BatchTransform, check_prob, check_range, choose_images,
                   draw_uniform)
from .batch import IGNORE_INDEX, PseudoLabeledBatch


@MODELS.register_module()
class RandomScaleCrop(BatchTransform):
    r"""Scale each image, then cut or pad it back to its size.

    The factor is :math:`s \sim U(\text{scale})` for both axes. An enlarged
    image shows a random window; a shrunk one lies at a random place, and what
    is left around it is padding: the mean colour, label 255, confidence 0.

    With the image spanning [-1, 1] per axis, output position p shows input
    position :math:`p/s + (1 - 1/s)(2u - 1)`, :math:`u \sim U(0, 1)`. Images
    are sampled bilinearly, labels and confidences take the nearest pixel.

    Args:
        scale (tuple[float, float]): Smallest and largest factor.
            Defaults to (0.5, 1.5).
    """

    def __init__(self, scale: Tuple[float, float] = (0.5, 1.5)) -> None:
        super().__init__()
        self.scale = check_range(self, 'scale', scale, low=0)
        if self.scale[0] == 0:
            raise ValueError('RandomScaleCrop: scale must be positive, but '
                             f'got {scale}')

    def transform(self, batch: PseudoLabeledBatch) -> PseudoLabeledBatch:
        """Scale and crop every image."""
        height, width = batch.label.shape[-2:]
        step = 1 / draw_uniform(batch, *self.scale)
        grid = torch.stack(
            torch.broadcast_tensors(
                self._positions(batch, step, width)[:, None, :],
                self._positions(batch, step, height)[:, :, None]),
            dim=-1)
        outside = grid.abs().amax(-1) > 1
        # Clamping to the border keeps the mean colour out of edge pixels that
        # have a label; what lies beyond is set to padding afterwards.
        image = F.grid_sample(
            batch.image, grid, padding_mode='border', align_corners=False)
        label, confidence = F.grid_sample(
            torch.stack((batch.label.float(), batch.confidence), 1),
            grid,
            mode='nearest',
            padding_mode='border',
            align_corners=False).unbind(1)
        return batch.replace(
            image=image.masked_fill(outside[:, None], 0),
            label=label.long().masked_fill(outside, IGNORE_INDEX),
            confidence=confidence.masked_fill(outside, 0))

    @staticmethod
    def _positions(batch: PseudoLabeledBatch, step: Tensor,
                   size: int) -> Tensor:
        # Elementwise rather than F.affine_grid, whose matrix product is
        # rounded to 10 bits where TF32 is enabled.
        centers = torch.arange(size, device=step.device).add(0.5) * (2 / size)
        offset = (1 - step) * draw_uniform(batch, -1, 1)
        return (centers - 1) * step[:, None] + offset[:, None]


@MODELS.register_module()
class RandomFlip(BatchTransform):
    """Mirror each image with some probability.

    Args:
        prob (float): Probability per image. Defaults to 0.5.
        direction (str): 'horizontal' swaps left and right, 'vertical' top and
            bottom. Defaults to 'horizontal'.
    """

    def __init__(self,
                 prob: float = 0.5,
                 direction: str = 'horizontal') -> None:
        super().__init__()
        self.prob = check_prob(self, prob)
        dims = dict(horizontal=-1, vertical=-2)
        if direction not in dims:
            raise ValueError('RandomFlip: direction must be one of '
                             f'{list(dims)}, but got {direction!r}')
        self.dim = dims[direction]

    def transform(self, batch: PseudoLabeledBatch) -> PseudoLabeledBatch:
        """Mirror the chosen images."""
        chosen = choose_images(batch, self.prob)[:, None, None]

        def flip(value: Tensor, where: Tensor) -> Tensor:
            return torch.where(where, value.flip(self.dim), value)

        return batch.replace(
            image=flip(batch.image, chosen[:, None]),
            label=flip(batch.label, chosen),
            confidence=flip(batch.confidence, chosen))
