# Copyright (c) prcl_mmseg authors. All rights reserved.
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..augment import IGNORE_INDEX

WEIGHTINGS = ('image', 'pixel')


@MODELS.register_module()
class PseudoLabelLoss(nn.Module):
    r"""Cross-entropy with pseudo-labels, weighted by how sure the teacher is.

    Weighting by image, as published for PRCL: no pixel is dropped; instead
    the pixels of image b all weigh
    :math:`w_b = \#(\hat c \ge \delta_u) / \#valid`, the share of its pixels
    of which the teacher is sure. Weighting by pixel, as in FixMatch (arXiv
    2001.07685): sure pixels weigh 1, others 0, so doubtful pixels don't learn
    the frequent class that the teacher guesses there.

    The sum is divided by the number of valid pixels of the batch. Without any
    valid pixel the loss is 0, attached to the graph.

    Args:
        threshold (float): δ_u. Defaults to 0.97.
        loss_weight (float): Weight λ_u. Defaults to 1.
        weighting (str): 'image' or 'pixel'. Defaults to 'image'.

    Raises:
        ValueError: For an unknown weighting.
    """

    def __init__(self,
                 threshold: float = 0.97,
                 loss_weight: float = 1.0,
                 weighting: str = 'image') -> None:
        super().__init__()
        if weighting not in WEIGHTINGS:
            raise ValueError(
                f'model.pseudo_label_loss.weighting={weighting!r} is not '
                f'known; use one of {WEIGHTINGS}')
        self.threshold = threshold
        self.loss_weight = loss_weight
        self.weighting = weighting

    def forward(self, seg_logits: Tensor, label: Tensor,
                confidence: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            seg_logits (Tensor): The student's logits, (N, C, H, W).
            label (Tensor): Pseudo-labels, int64 (N, H, W); 255 is ignored.
            confidence (Tensor): The teacher's max softmax, (N, H, W).
        """
        if self.weighting == 'image':
            weight = self.image_weight(label, confidence)[:, None, None]
        else:
            weight = self._sure(label, confidence)
        loss = F.cross_entropy(
            seg_logits.float(),
            label,
            ignore_index=IGNORE_INDEX,
            reduction='none')
        num_valid = (label != IGNORE_INDEX).sum().clamp(min=1)
        return self.loss_weight * (weight * loss).sum() / num_valid

    def image_weight(self, label: Tensor, confidence: Tensor) -> Tensor:
        """Share of sure pixels of each image, (N,); 0 without valid ones."""
        sure = self._sure(label, confidence)
        return sure.sum((1, 2)) / (label != IGNORE_INDEX).sum(
            (1, 2)).clamp(min=1)

    def _sure(self, label: Tensor, confidence: Tensor) -> Tensor:
        return (label != IGNORE_INDEX) & (confidence >= self.threshold)
