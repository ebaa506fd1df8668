# Copyright (c) prcl_mmseg authors. All rights reserved.
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..augment import IGNORE_INDEX


@MODELS.register_module()
class PseudoLabelLoss(nn.Module):
    r"""Cross-entropy with pseudo-labels, weighted per image.

    No pixel is dropped; instead the pixels of image b all weigh
    :math:`w_b = \#(\hat c \ge \delta_u) / \#valid`, the share of its pixels
    of which the teacher is sure. The sum is divided by the number of valid
    pixels of the batch. Without any valid pixel the loss is 0, attached to
    the graph.

    Args:
        threshold (float): δ_u. Defaults to 0.97.
        loss_weight (float): Weight λ_u. Defaults to 1.
    """

    def __init__(self,
                 threshold: float = 0.97,
                 loss_weight: float = 1.0) -> None:
        super().__init__()
        self.threshold = threshold
        self.loss_weight = loss_weight

    def forward(self, seg_logits: Tensor, label: Tensor,
                confidence: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            seg_logits (Tensor): The student's logits, (N, C, H, W).
            label (Tensor): Pseudo-labels, int64 (N, H, W); 255 is ignored.
            confidence (Tensor): The teacher's max softmax, (N, H, W).
        """
        weight = self.image_weight(label, confidence)
        loss = F.cross_entropy(
            seg_logits.float(),
            label,
            ignore_index=IGNORE_INDEX,
            reduction='none')
        num_valid = (label != IGNORE_INDEX).sum().clamp(min=1)
        loss = (weight[:, None, None] * loss).sum() / num_valid
        return self.loss_weight * loss

    def image_weight(self, label: Tensor, confidence: Tensor) -> Tensor:
        """w_b of each image, (N,); 0 for one without a valid pixel."""
        valid = label != IGNORE_INDEX
        sure = valid & (confidence >= self.threshold)
        return sure.sum((1, 2)) / valid.sum((1, 2)).clamp(min=1)
