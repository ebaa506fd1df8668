# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Optional, Tuple, Union

import torch
from torch import Tensor, nn

from ...value_check import check_interval
from ..structures import View
from .base import draw_uniform

# Shapes to choose from for each box.
_CANDIDATES = 32


class RandomBox:
    """Draws a box for each image.

    Args:
        owner (nn.Module): Named in errors.
        area (float | tuple[float, float]): Relative area or its range.
        aspect (tuple[float, float], optional): Range of height/width.

    Raises:
        ValueError: If an area is not in (0, 1] or an aspect not positive.
    """

    def __init__(self, owner: nn.Module, area: Union[float, Tuple[float,
                                                                  float]],
                 aspect: Optional[Tuple[float, float]]) -> None:
        if isinstance(area, (int, float)):
            area = (area, area)
        name = type(owner).__name__
        self.area = check_interval(f'{name}.area', area, 0, 1, open_low=True)
        self.aspect = aspect
        if aspect is not None:
            self.aspect = check_interval(
                f'{name}.aspect', aspect, 0, open_low=True)

    def draw(self, view: View) -> Tensor:
        """The pixels of the boxes, bool (N, H, W)."""
        height, width = view.image.shape[2:]
        area = torch.full((len(view), ), self.area[0],
                          device=view.image.device)
        if self.area[0] < self.area[1]:
            area = draw_uniform(view, *self.area)
        if self.aspect is None:
            # The relative width is area**u, u uniform in [0, 1], which treats
            # height and width alike; the height follows from the area.
            box_width = (width * area**draw_uniform(view, 0, 1)).round()
            # A narrower box would have to be higher than the image.
            narrowest = (width * area - 1e-6).ceil()
            box_width = box_width.clamp(max=width).maximum(narrowest)
            box_height = (height * width * area / box_width).round()
        else:
            pixels = height * width * area
            aspect = self._draw_aspect(pixels, height, width)
            box_width = (pixels / aspect).sqrt().floor()
            box_height = (pixels * aspect).sqrt().floor()
        columns = _random_interval(view, box_width.clamp(1, width), width)
        rows = _random_interval(view, box_height.clamp(1, height), height)
        return rows[:, :, None] & columns[:, None, :]

    def _draw_aspect(self, pixels: Tensor, height: int,
                     width: int) -> Tensor:
        """Height/width of each box, (N,).

        Distributed as by rejection sampling: aspect and place are drawn until
        the box lies within the image. So an aspect is the more probable, the
        more places its box has.
        """
        low, high = self.aspect
        shape = (len(pixels), _CANDIDATES)
        # One shape of each part of the range, so few of them will do.
        unit = torch.rand(shape, device=pixels.device)
        part = torch.arange(_CANDIDATES, device=pixels.device)
        aspect = low + (high - low) * (part + unit) / _CANDIDATES
        rows = height - (pixels[:, None] * aspect).sqrt().floor() + 1
        columns = width - (pixels[:, None] / aspect).sqrt().floor() + 1
        places = rows.clamp(min=1e-9) * columns.clamp(min=1e-9)
        # The largest of log weights with Gumbel noise: a weighted draw for
        # which no host has to wait.
        noise = -torch.rand(shape, device=pixels.device).log().neg().log()
        chosen = (places.log() + noise).argmax(1, keepdim=True)
        return aspect.gather(1, chosen)[:, 0]


def _random_interval(view: View, length: Tensor, size: int) -> Tensor:
    """Place an interval of each ``length``, (N,), in [0, size): (N, size)."""
    num_places = size - length + 1
    start = (draw_uniform(view, 0, 1) * num_places).floor()
    start = torch.minimum(start, num_places - 1)[:, None]
    position = torch.arange(size, device=length.device)
    return (position >= start) & (position < start + length[:, None])
