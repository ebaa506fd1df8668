# Copyright (c) prcl_mmseg authors. All rights reserved.
import torch
from torch import Tensor


class ViewMean:
    """Class probabilities of several views of an image, one at a time.

    Of many classes all views together would not fit into memory.
    """

    def __init__(self) -> None:
        self.count, self._prob, self._entropy = 0, 0, 0

    def add(self, prob: Tensor) -> None:
        """Take a view in; class probabilities (C, H, W), flips undone."""
        self.count += 1
        self._prob = self._prob + prob
        self._entropy = self._entropy + torch.special.entr(prob).sum(dim=0)

    @property
    def prob(self) -> Tensor:
        """Tensor: Mean class probabilities, (C, H, W)."""
        return self._prob / self.count

    @property
    def disagreement(self) -> Tensor:
        """Tensor: Mutual information of class and view, in nats, (H, W).

        The entropy of the mean minus the mean of the entropies. It is 0
        where all views say the same, however unsure they are.
        """
        total = torch.special.entr(self.prob).sum(dim=0)
        return (total - self._entropy / self.count).clamp(min=0)
