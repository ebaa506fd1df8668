# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch

from prcl_mmseg.models import View


def _make_view(num: int = 4,
               channels: int = 3,
               height: int = 33,
               width: int = 47,
               num_classes: int = 6) -> View:
    """Smooth random images, blocky labels, padding right and below."""
    generator = torch.Generator().manual_seed(0)

    def rand(*shape):
        return torch.rand(shape, generator=generator)

    mean = 100 + 20 * rand(channels, 1, 1)
    std = 50 + 20 * rand(channels, 1, 1)
    image = (255 * rand(num, channels, height, width) - mean) / std
    blocks = (num_classes * rand(num, height // 8 + 1, width // 8 + 1)).long()
    label = blocks.repeat_interleave(8, 1).repeat_interleave(
        8, 2)[:, :height, :width].clone()
    confidence = 0.2 + 0.8 * rand(num, height, width)
    for padded in (image.movedim(1, -1), label, confidence):
        value = 255 if padded is label else 0
        padded[:, height - height // 7:] = value
        padded[:, :, width - width // 16:] = value
    return View(image, dict(label=label, confidence=confidence), mean, std)


@pytest.fixture
def make_view():
    return _make_view


@pytest.fixture
def view():
    return _make_view()
