# Copyright (c) prcl_mmseg authors. All rights reserved.
import math

import torch
from mmseg.registry import MODELS
from torch import Tensor

from .base import BatchTransform, check_prob, choose_images, draw_uniform
from .batch import IGNORE_INDEX, PseudoLabeledBatch


@MODELS.register_module()
class ClassMix(BatchTransform):
    """Paste half of the classes of each image over the next image.

    Of the n classes in the pseudo-label of image i, floor(n / 2) are chosen
    at random; their pixels replace those of image (i + 1) mod N, together
    with label and confidence. Ignored pixels are never pasted. Source:
    `ClassMix <https://arxiv.org/abs/2007.07936>`_.

    Args:
        prob (float): Probability that an image is pasted over.
            Defaults to 1.0.
    """

    def __init__(self, prob: float = 1.0) -> None:
        super().__init__()
        self.prob = check_prob(self, prob)

    def transform(self, batch: PseudoLabeledBatch) -> PseudoLabeledBatch:
        """Mix every image into the next one."""
        label = batch.label.flatten(1)
        present = torch.zeros((label.size(0), IGNORE_INDEX + 1),
                              dtype=torch.bool,
                              device=label.device)
        present.scatter_(1, label, True)
        present[:, IGNORE_INDEX] = False
        num_chosen = present.sum(1, keepdim=True) // 2
        # Absent classes get a score above all others, so they rank last.
        score = torch.rand(present.shape, device=label.device)
        rank = score.masked_fill(~present, 2).argsort(1).argsort(1)
        chosen = rank < num_chosen
        mask = chosen.gather(1, label).view_as(batch.label)
        return _paste_over_next(batch, mask, self.prob)


@MODELS.register_module()
class CutMix(BatchTransform):
    """Paste a random box of each image over the next image.

    The box of image i replaces the same box of image (i + 1) mod N, together
    with label and confidence. Source:
    `CutMix <https://arxiv.org/abs/1905.04899>`_.

    Args:
        area (float): Area of the box relative to the image, in (0, 1].
            Defaults to 0.5.
        prob (float): Probability that an image is pasted over.
            Defaults to 1.0.
    """

    def __init__(self, area: float = 0.5, prob: float = 1.0) -> None:
        super().__init__()
        self.area = _check_area(self, area)
        self.prob = check_prob(self, prob)

    def transform(self, batch: PseudoLabeledBatch) -> PseudoLabeledBatch:
        """Mix every image into the next one."""
        return _paste_over_next(batch, _random_box(batch, self.area),
                                self.prob)


@MODELS.register_module()
class CutOut(BatchTransform):
    """Erase a random box: the mean colour, label 255, confidence 0.

    Source: `Cutout <https://arxiv.org/abs/1708.04552>`_.

    Args:
        area (float): Area of the box relative to the image, in (0, 1].
            Defaults to 0.5.
        prob (float): Probability per image. Defaults to 1.0.
    """

    def __init__(self, area: float = 0.5, prob: float = 1.0) -> None:
        super().__init__()
        self.area = _check_area(self, area)
        self.prob = check_prob(self, prob)

    def transform(self, batch: PseudoLabeledBatch) -> PseudoLabeledBatch:
        """Erase a box of the chosen images."""
        box = _random_box(batch, self.area)
        box = box & choose_images(batch, self.prob)[:, None, None]
        return batch.replace(
            image=batch.image.masked_fill(box[:, None], 0),
            label=batch.label.masked_fill(box, IGNORE_INDEX),
            confidence=batch.confidence.masked_fill(box, 0))


def _paste_over_next(batch: PseudoLabeledBatch, mask: Tensor,
                     prob: float) -> PseudoLabeledBatch:
    """Paste the masked pixels, (N, H, W) bool, of each image over the next."""
    mask = mask.roll(1, 0) & choose_images(batch, prob)[:, None, None]

    def paste(value: Tensor, where: Tensor) -> Tensor:
        return torch.where(where, value.roll(1, 0), value)

    return batch.replace(
        image=paste(batch.image, mask[:, None]),
        label=paste(batch.label, mask),
        confidence=paste(batch.confidence, mask))


def _random_box(batch: PseudoLabeledBatch, area: float) -> Tensor:
    """Draw a box per image, (N, H, W) bool.

    The relative width is ``area ** u``, u uniform in [0, 1], which treats
    height and width alike; the height then follows from the area.
    """
    height, width = batch.label.shape[-2:]
    box_width = (width * area**draw_uniform(batch, 0, 1)).round()
    # A narrower box would have to be higher than the image.
    box_width = box_width.clamp(math.ceil(width * area - 1e-6), width)
    box_height = (height * width * area / box_width).round().clamp(1, height)
    columns = _random_interval(batch, box_width, width)
    rows = _random_interval(batch, box_height, height)
    return rows[:, :, None] & columns[:, None, :]


def _random_interval(batch: PseudoLabeledBatch, length: Tensor,
                     size: int) -> Tensor:
    """Place an interval of each ``length``, (N,), in [0, size): (N, size)."""
    num_places = size - length + 1
    start = (draw_uniform(batch, 0, 1) * num_places).floor()
    start = torch.minimum(start, num_places - 1)[:, None]
    position = torch.arange(size, device=length.device)
    return (position >= start) & (position < start + length[:, None])


def _check_area(owner: BatchTransform, area: float) -> float:
    if not 0 < area <= 1:
        raise ValueError(f'{type(owner).__name__}: area must be in (0, 1], '
                         f'but got {area}')
    return area
