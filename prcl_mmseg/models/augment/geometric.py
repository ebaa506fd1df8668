# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Tuple

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...value_check import check_choice, check_interval, check_number
from ..structures import View
from .base import BatchTransform, choose_images, draw_uniform


@MODELS.register_module()
class RandomScaleCrop(BatchTransform):
    r"""Scale each image, then cut or pad it back to its size.

    The factor is :math:`s \sim U(\text{scale})` for both axes. An enlarged
    image shows a random window; a shrunk one lies at a random place, and what
    is left around it is padding, see :meth:`View.warp`.

    With the image spanning [-1, 1] per axis, output position p shows input
    position :math:`p/s + (1 - 1/s)(2u - 1)`, :math:`u \sim U(0, 1)`.

    Args:
        scale (tuple[float, float]): Smallest and largest factor.
            Defaults to (0.5, 1.5).
    """

    def __init__(self, scale: Tuple[float, float] = (0.5, 1.5)) -> None:
        super().__init__()
        self.scale = check_interval(
            'RandomScaleCrop.scale', scale, 0, open_low=True)

    def transform(self, view: View) -> View:
        """Scale and crop every image."""
        height, width = view.label.shape[-2:]
        step = 1 / draw_uniform(view, *self.scale)
        grid = torch.stack(
            torch.broadcast_tensors(
                self._positions(view, step, width)[:, None, :],
                self._positions(view, step, height)[:, :, None]),
            dim=-1)
        return view.warp(grid)

    @staticmethod
    def _positions(view: View, step: Tensor,
                   size: int) -> Tensor:
        # Elementwise rather than F.affine_grid, whose matrix product is
        # rounded to 10 bits where TF32 is enabled.
        centers = torch.arange(size, device=step.device).add(0.5) * (2 / size)
        offset = (1 - step) * draw_uniform(view, -1, 1)
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
        self.prob = check_number('RandomFlip.prob', prob, 0, 1)
        dims = dict(horizontal=-1, vertical=-2)
        self.dim = dims[check_choice('RandomFlip.direction', direction, dims)]

    def transform(self, view: View) -> View:
        """Mirror the chosen images."""
        return view.flip(choose_images(view, self.prob), self.dim)
