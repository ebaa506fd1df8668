# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Union

import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...value_check import check_choice, check_number
from ..structures import IGNORE_INDEX, View
from .thresholds import build_threshold

WEIGHTINGS = ('image', 'pixel', 'confidence')


@MODELS.register_module()
class PseudoLabelLoss(nn.Module):
    r"""Cross-entropy with pseudo-labels, weighted by how sure they are.

    Weighting by pixel, as in FixMatch (arXiv 2001.07685): sure pixels weigh
    1, others 0, so doubtful pixels don't learn the frequent class that is
    guessed there. Weighting by image, as published for PRCL: no pixel is
    dropped; instead the pixels of image b all weigh
    :math:`w_b = \#(\hat c \ge \delta_u) / \#valid`, the share of its pixels
    that are sure. Weighting by confidence: each sure pixel weighs
    :math:`\hat c`; with the threshold 0 doubt counts less, and nothing is cut.

    The sum is divided by the number of valid pixels of the view. Without any
    valid pixel the loss is 0, attached to the graph.

    Args:
        threshold (float | dict): δ_u, or the config of a threshold such as
            ``AdaptiveThreshold``. Defaults to 0.95.
        loss_weight (float): Weight λ_u. Defaults to 1.
        weighting (str): 'image', 'pixel' or 'confidence'.
            Defaults to 'pixel'.

    Raises:
        ValueError: For an unknown weighting, a negative weight or a
            threshold that is no confidence.
    """

    def __init__(self,
                 threshold: Union[float, dict] = 0.95,
                 loss_weight: float = 1.0,
                 weighting: str = 'pixel') -> None:
        super().__init__()
        self.threshold = build_threshold(threshold)
        self.loss_weight = check_number('strategy.loss.loss_weight',
                                        loss_weight, 0)
        self.weighting = check_choice('strategy.loss.weighting', weighting,
                                      WEIGHTINGS)

    def forward(self, seg_logits: Tensor, view: View) -> Tensor:
        """Compute the loss.

        Args:
            seg_logits (Tensor): The student's logits, (N, C, H, W).
            view (View): What it saw, with pseudo-labels and confidences.
        """
        if self.weighting == 'image':
            weight = self.image_weight(view)[:, None, None]
        else:
            weight = self._sure(view).float()
            if self.weighting == 'confidence':
                weight = weight * view.confidence
        loss = F.cross_entropy(
            seg_logits.float(),
            view.label,
            ignore_index=IGNORE_INDEX,
            reduction='none')
        num_valid = view.labeled.sum().clamp(min=1)
        return self.loss_weight * (weight * loss).sum() / num_valid

    def update(self, weak: View) -> None:
        """Let the threshold follow the labeller.

        It comes before the loss, once in each forward pass: also in one whose
        gradients are accumulated.
        """
        self.threshold.update(weak)

    def image_weight(self, view: View) -> Tensor:
        """Share of sure pixels of each image, (N,); 0 without valid ones."""
        return self._sure(view).sum((1, 2)) / view.labeled.sum(
            (1, 2)).clamp(min=1)

    def _sure(self, view: View) -> Tensor:
        return view.labeled & (view.confidence >= self.threshold.value)
