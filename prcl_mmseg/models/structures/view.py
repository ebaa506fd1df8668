# Copyright (c) prcl_mmseg authors. All rights reserved.
import dataclasses
from dataclasses import dataclass
from typing import Callable, Dict, Optional

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORE_INDEX = 255


@dataclass(frozen=True, eq=False)
class View:
    """Images as the student sees them, and maps that lie on their pixels.

    Labelled images are a view with confidence 1. Pixels without a label, such
    as padding, have label 255 and confidence 0. The methods that move pixels
    move those of the image and of every map, and return a new view.

    Args:
        image (Tensor): Normalised images, (N, C, H, W), float. Three
            channels are taken as RGB, which ``bgr_to_rgb=True`` of the
            preprocessor gives. The value 0 is the mean colour.
        maps (dict[str, Tensor]): Maps of shape (N, H, W) or (N, K, H, W):
            'label', int64, a class in 0..254 or 255; 'confidence' of the
            label, float in [0, 1]; and any other.
        mean (Tensor): What was subtracted from the raw image, (C, 1, 1), or
            (1, 1, 1) for all channels. In raw units, 0..255 for 8-bit images.
        std (Tensor): What the difference was divided by, shaped as ``mean``.
    """
    image: Tensor
    maps: Dict[str, Tensor]
    mean: Tensor
    std: Tensor

    def __len__(self) -> int:
        return len(self.image)

    @property
    def label(self) -> Tensor:
        """Tensor: Labels or pseudo-labels, int64 (N, H, W)."""
        return self.maps['label']

    @property
    def confidence(self) -> Tensor:
        """Tensor: Confidence of the labels, (N, H, W)."""
        return self.maps['confidence']

    @property
    def labeled(self) -> Tensor:
        """Tensor: Which pixels have a label, bool (N, H, W)."""
        return self.label != IGNORE_INDEX

    def replace(self,
                image: Optional[Tensor] = None,
                **maps: Tensor) -> 'View':
        """A copy with another image or other maps; the rest is shared."""
        return dataclasses.replace(
            self,
            image=self.image if image is None else image,
            maps={
                **self.maps,
                **maps
            })

    def warp(self, grid: Tensor) -> 'View':
        """Sample each image at other places.

        Images are sampled bilinearly, maps take the nearest pixel. Places
        beyond the border become padding: the mean colour, 255 in maps of
        classes (integers), 0 in all others.

        Args:
            grid (Tensor): Where each output pixel lies in the input, x and y
                in [-1, 1] from border to border, (N, H, W, 2).
        """
        # Clamping to the border keeps the mean colour out of edge pixels that
        # have a label; what lies beyond is set to padding afterwards.
        image = F.grid_sample(
            self.image, grid, padding_mode='border', align_corners=False)
        maps = [_as_channels(value) for value in self.maps.values()]
        sampled = F.grid_sample(
            torch.cat([value.float() for value in maps], 1),
            grid,
            mode='nearest',
            padding_mode='border',
            align_corners=False).split([value.shape[1] for value in maps], 1)
        warped = {
            name: part.to(value.dtype).view_as(value)
            for (name, value), part in zip(self.maps.items(), sampled)
        }
        return self.replace(image, **warped).erase(grid.abs().amax(-1) > 1)

    def flip(self, chosen: Tensor, dim: int) -> 'View':
        """Mirror the chosen images, bool (N,), along a dimension (-1, -2)."""
        return self._each(lambda value: _where(
            chosen[:, None, None], value.flip(dim), value))

    def paste_over_next(self, mask: Tensor, chosen: Tensor) -> 'View':
        """Paste masked pixels of each image over the next, the last's over 0.

        Args:
            mask (Tensor): Which pixels to paste, bool (N, H, W).
            chosen (Tensor): Which images are pasted over, bool (N,).
        """
        mask = mask.roll(1, 0) & chosen[:, None, None]
        return self._each(lambda value: _where(mask, value.roll(1, 0), value))

    def erase(self, mask: Tensor) -> 'View':
        """Turn the masked pixels, bool (N, H, W), into padding."""
        return self._each(lambda value: _as_channels(value).masked_fill(
            mask[:, None], _padding(value)).view_as(value))

    def check(self) -> None:
        """Raise an error unless shapes, dtypes and devices fit together.

        Only metadata is read, so an accelerator is not waited for.

        Raises:
            ValueError: If a field has the wrong shape, dtype or device.
        """
        image = self.image
        if image.ndim != 4 or not image.is_floating_point():
            raise ValueError('View.image must be a normalised float tensor '
                             f'(N, C, H, W), but got {_describe(image)}')
        num, channels, height, width = image.shape
        for name, value in self.maps.items():
            if (value.shape[:1] + value.shape[-2:] != (num, height, width)
                    or value.ndim not in (3, 4)):
                raise ValueError(
                    f'View.maps[{name!r}] must have the shape (N, H, W) = '
                    f'{(num, height, width)} of the image, or (N, K, H, W), '
                    f'but got {_describe(value)}')
        if self.label.ndim != 3 or self.label.dtype != torch.int64:
            raise ValueError("View.maps['label'] must be int64 class indices "
                             f'(N, H, W), but got {_describe(self.label)}')
        if (self.confidence.ndim != 3
                or not self.confidence.is_floating_point()):
            raise ValueError("View.maps['confidence'] must be floats (N, H, W)"
                             f', but got {_describe(self.confidence)}')
        for name in ('mean', 'std'):
            value = getattr(self, name)
            if value.shape not in ((channels, 1, 1), (1, 1, 1)):
                raise ValueError(
                    f'View.{name} must have one value per image channel, '
                    f'shape {(channels, 1, 1)}, or one for all, shape '
                    f'(1, 1, 1), but got {_describe(value)}')
        for name, value in dict(
                self.maps, mean=self.mean, std=self.std).items():
            if value.device != image.device:
                raise ValueError(
                    f'View: {name!r} is on {value.device}, but the image is '
                    f'on {image.device}: move both to one device')

    def _each(self, function: Callable[[Tensor], Tensor]) -> 'View':
        return self.replace(
            function(self.image),
            **{name: function(value)
               for name, value in self.maps.items()})


def image_slices(views: Dict[str, View]) -> Dict[str, slice]:
    """Where the images of each view are in the batch of all of them."""
    slices, start = {}, 0
    for name, view in views.items():
        slices[name] = slice(start, start + len(view))
        start += len(view)
    return slices


def _as_channels(value: Tensor) -> Tensor:
    """(N, H, W) to (N, 1, H, W); four dimensions stay."""
    return value if value.ndim == 4 else value[:, None]


def _where(mask: Tensor, value: Tensor, other: Tensor) -> Tensor:
    """torch.where for maps of three or four dimensions; mask (N, H, W)."""
    return torch.where(mask[:, None] if value.ndim == 4 else mask, value,
                       other)


def _padding(value: Tensor) -> float:
    classes = not (value.is_floating_point() or value.dtype == torch.bool)
    return IGNORE_INDEX if classes else 0


def _describe(value: Tensor) -> str:
    return f'shape {tuple(value.shape)} and dtype {value.dtype}'
