# Copyright (c) prcl_mmseg authors. All rights reserved.
from abc import ABCMeta, abstractmethod

import torch
from torch import Tensor, nn

from ..structures import View


class BatchTransform(nn.Module, metaclass=ABCMeta):
    """Base of the transforms of a :class:`View`.

    A subclass implements :meth:`transform`. It runs without gradient and in
    float32 even inside an autocast region, where half precision would shift
    sampling positions and quantise colours. Random numbers come from PyTorch's
    global generators, so ``torch.manual_seed`` reproduces them.
    """

    # Whether images are pasted over each other, which takes two of them.
    mixes = False

    @torch.no_grad()
    def forward(self, view: View) -> View:
        """Transform a view, which itself is left unchanged.

        Args:
            view (View): N images with their maps.

        Returns:
            View: The transformed view, of the same shapes and dtypes.
        """
        with torch.autocast(view.image.device.type, enabled=False):
            output = self.transform(
                view.replace(
                    _as_float32(view.image),
                    **{
                        name: _as_float32(value)
                        for name, value in view.maps.items()
                    }))
        return output.replace(
            output.image.to(view.image.dtype),
            **{
                name: value.to(view.maps[name].dtype)
                for name, value in output.maps.items()
            })

    @abstractmethod
    def transform(self, view: View) -> View:
        """Transform a view whose floating-point tensors are float32."""


def _as_float32(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def choose_images(view: View, prob: float) -> Tensor:
    """Choose each image of a view with probability ``prob``.

    Returns:
        Tensor: (N,) bool.
    """
    image = view.image
    return torch.rand(image.size(0), device=image.device) < prob


def draw_uniform(view: View, low: float, high: float) -> Tensor:
    """Draw one number per image from the uniform distribution.

    Returns:
        Tensor: (N,) float32 in [``low``, ``high``].
    """
    image = view.image
    unit = torch.rand(image.size(0), device=image.device)
    return low + (high - low) * unit
