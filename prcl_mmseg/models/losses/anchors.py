# Copyright (c) prcl_mmseg authors. All rights reserved.
from mmseg.registry import MODELS
from torch import Tensor

from .pixel_groups import PixelGroups


@MODELS.register_module()
class HardAnchors:
    """Anchors from the pixels of which the classifier is not sure.

    A valid pixel is hard when its own softmax probability for the class it is
    (pseudo-)labelled with is below the threshold δ_s.

    Args:
        num_queries (int): Anchors drawn per class, with replacement.
            Defaults to 256.
        threshold (float): δ_s. 1 or more makes every valid pixel a
            candidate. Defaults to 0.8.
    """

    def __init__(self, num_queries: int = 256, threshold: float = 0.8) -> None:
        if num_queries < 1:
            raise ValueError(
                f'contrast.anchors.num_queries={num_queries} must be positive')
        self.num_queries = num_queries
        self.threshold = threshold

    def candidates(self, label: Tensor, valid: Tensor, own_prob: Tensor,
                   num_classes: int) -> PixelGroups:
        """Group the hard pixels by class.

        Args:
            label (Tensor): Class of each pixel, (P,), read where valid.
            valid (Tensor): Which pixels count, bool of shape (P,).
            own_prob (Tensor): Probability of the pixel's own class, (P,).
            num_classes (int): Number of classes C.
        """
        hard = valid & (own_prob < self.threshold)
        return PixelGroups.from_labels(label, hard, num_classes)

    def draw(self, candidates: PixelGroups, classes: Tensor) -> Tensor:
        """Pixel indices of the anchors of n classes, (n, num_queries)."""
        return candidates.draw(classes[:, None].expand(-1, self.num_queries))
