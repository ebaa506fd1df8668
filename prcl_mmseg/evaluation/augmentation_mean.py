# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Optional

import torch
from torch import Tensor

from .pixel_scores import class_logits


class AugmentationMean:
    """Class probabilities of several augmentations of an image.

    They come one at a time: of many classes all together would not fit into
    memory.
    """

    def __init__(self) -> None:
        self.count, self._prob, self._entropy = 0, 0, 0
        self.one_channel = False

    def add(self, seg_logits: Tensor) -> Tensor:
        """Take one in, and return its class probabilities (C, H, W).

        Args:
            seg_logits (Tensor): As for :func:`class_logits`, flips undone.
        """
        prob = class_logits(seg_logits).softmax(dim=0)
        self.count += 1
        self.one_channel = len(seg_logits) == 1
        self._prob = self._prob + prob
        self._entropy = self._entropy + torch.special.entr(prob).sum(dim=0)
        return prob

    def label(self, threshold: Optional[float]) -> Tensor:
        """Classes of the mean, int64 (H, W).

        Args:
            threshold (float, optional): Of a one-channel head: above this
                probability a pixel is of class 1. Others have none.
        """
        if self.one_channel:
            return (self.prob[1] > threshold).long()
        return self.prob.argmax(dim=0)

    @property
    def prob(self) -> Tensor:
        """Tensor: Mean class probabilities, (C, H, W)."""
        return self._prob / self.count

    @property
    def disagreement(self) -> Tensor:
        """Tensor: Mutual information of class and augmentation, in nats.

        The entropy of the mean minus the mean of the entropies, (H, W). It is
        0 where all of them say the same, however unsure they are.
        """
        total = torch.special.entr(self.prob).sum(dim=0)
        return (total - self._entropy / self.count).clamp(min=0)
