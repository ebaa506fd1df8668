# Copyright (c) prcl_mmseg authors. All rights reserved.
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PixelGroups:
    """Pixels sorted by class, so that any class can be drawn from at once.

    Args:
        order (Tensor): Pixel indices, (P,), the pixels of a class side by
            side.
        start (Tensor): Where each class starts in ``order``, (C,).
        count (Tensor): Number of pixels of each class, (C,).
    """

    order: Tensor
    start: Tensor
    count: Tensor

    @classmethod
    def from_labels(cls, label: Tensor, mask: Tensor,
                    num_classes: int) -> 'PixelGroups':
        """Group the pixels where ``mask`` holds.

        Args:
            label (Tensor): Class of each pixel, (P,), read where masked in.
            mask (Tensor): Which pixels belong, bool of shape (P,).
            num_classes (int): Number of classes C.
        """
        label = label.where(mask, num_classes)
        count = label.new_zeros(num_classes + 1)
        count.scatter_add_(0, label, torch.ones_like(label))
        start = count.cumsum(0) - count
        return cls(label.argsort(), start[:-1], count[:-1])

    def draw(self, classes: Tensor) -> Tensor:
        """One pixel, uniform and with replacement, for each class given.

        Args:
            classes (Tensor): Classes, int64 of any shape. What a class
                without pixels gives means nothing.

        Returns:
            Tensor: Pixel indices of the same shape.
        """
        count = self.count[classes]
        offset = (torch.rand(classes.shape, device=classes.device) *
                  count).long()
        place = self.start[classes] + torch.minimum(offset, count - 1)
        return self.order[place.clamp(min=0)]
