# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import NamedTuple, Optional

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...value_check import check_number
from .pixel_groups import PixelGroups

# Anchors of a tile belong to one class and may share negatives: enough of
# them to make good use of each negative fetched, few enough to be dealt out
# evenly.
_TILE = 64


class Anchors(NamedTuple):
    """Anchors in tiles of one class each.

    Their number does not depend on the batch, so nobody has to wait for the
    device to know it.

    Args:
        pixel (Tensor): Indices of the pixels, int64 of shape (G, Q).
        classes (Tensor): The class of each tile, int64 of shape (G,).
        weight (Tensor): Share of each tile in the sum over the classes of
            their mean losses, (G,); 0 if no class can have anchors.
    """

    pixel: Tensor
    classes: Tensor
    weight: Tensor


@MODELS.register_module()
class HardAnchors:
    """Anchors from the pixels of which the classifier is not sure, or all.

    A valid pixel is hard when its own softmax probability for the class it is
    (pseudo-)labelled with is below the threshold δ_s. A budget of anchors,
    ``num_queries`` for each class that the data set has but no more than
    ``max_anchors``, is shared evenly by the classes that have hard pixels in
    the batch. So the cost of a step is constant, whatever it shows, and does
    not grow with the classes beyond the budget.

    Args:
        num_queries (int): Makes the budget: this many anchors for each class
            of the data set. They are drawn with replacement.
            Defaults to 256.
        threshold (float): δ_s. 1 or more makes every valid pixel a
            candidate: σ² and the prototypes have to know the easy pixels, too.
            0.8 as published. Defaults to 1.
        max_anchors (int, optional): Bound of the anchors of a step. None
            sets no bound. Defaults to 5376, 256 for each of VOC's 21
            classes.

    Raises:
        ValueError: If a number is not positive.
    """

    def __init__(self,
                 num_queries: int = 256,
                 threshold: float = 1.0,
                 max_anchors: Optional[int] = 5376) -> None:
        key = 'contrast.loss.anchors'
        self.num_queries = check_number(
            f'{key}.num_queries', num_queries, 1, whole=True)
        self.threshold = check_number(
            f'{key}.threshold', threshold, 0, open_low=True)
        if max_anchors is not None:
            check_number(f'{key}.max_anchors', max_anchors, 1, whole=True)
        self.max_anchors = max_anchors

    def candidates(self, label: Tensor, valid: Tensor, target_prob: Tensor,
                   num_classes: int) -> PixelGroups:
        """Group the hard pixels by class.

        Args:
            label (Tensor): Class of each pixel, (P,), read where valid.
            valid (Tensor): Which pixels count, bool of shape (P,).
            target_prob (Tensor): Probability of the pixel's label, (P,).
            num_classes (int): Number of classes C.
        """
        hard = valid
        # In floating point, a probability may well be 1.
        if self.threshold < 1:
            hard = valid & (target_prob < self.threshold)
        return PixelGroups.from_labels(label, hard, num_classes)

    def draw(self, candidates: PixelGroups, usable: Tensor) -> Anchors:
        """Deal the budget out to the classes and draw their anchors.

        Args:
            candidates (PixelGroups): The hard pixels of each class.
            usable (Tensor): Which classes can have anchors, bool (C,).
        """
        budget = self.num_queries * len(usable)
        if self.max_anchors is not None:
            budget = min(budget, self.max_anchors)
        # At least one tile for each class, if the budget is not that small.
        tile = min(_TILE, max(1, budget // len(usable)))
        classes, weight = _deal(usable, budget // tile)
        pixel = candidates.draw(classes[:, None].expand(-1, tile))
        return Anchors(pixel, classes, weight)


def _deal(usable: Tensor, num_tiles: int) -> tuple:
    """Classes of the tiles, and the weight of each tile, both (G,).

    Tiles go to the classes in turn, from a random order. If there are more
    classes than tiles, some get none; the weights of the others make up.
    """
    order = (usable + torch.rand(len(usable), device=usable.device)).argsort(
        descending=True)
    num_usable = usable.sum()
    turn = torch.arange(num_tiles, device=usable.device)
    classes = order[turn % num_usable.clamp(min=1)]
    tiles = classes.new_zeros(len(usable)).scatter_add_(
        0, classes, torch.ones_like(classes))
    taken = num_usable.clamp(min=1, max=num_tiles)
    return classes, num_usable / (taken * tiles[classes])
