# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Any, List, NamedTuple, Optional, Tuple

import torch
from mmseg.models.utils import resize
from torch import Tensor

from ...gaussian import DiagonalGaussian


class NetworkOutput(NamedTuple):
    """What a segmentor says of N images, those of all views in a row.

    Args:
        features (Any): What entered the decode heads, tensors or a nest of
            them.
        head_outputs (list): Output of each dense decode head; of a cascade
            several.
        seg_logits (Tensor): Logits of the last of them, (N, C, h, w).
        align_corners (bool): How the head resizes its logits.
        embedding (DiagonalGaussian, optional): Means and variances σ² of
            shape (N, D, h, w), if a decode head is probabilistic.
    """

    features: Any
    head_outputs: List[Any]
    seg_logits: Tensor
    align_corners: bool
    embedding: Optional[DiagonalGaussian] = None

    def logits_at(self,
                  size: Tuple[int, int],
                  images: slice = slice(None)) -> Tensor:
        """Logits of some images at another size, (n, C, *size), in fp32.

        A one-channel binary head counts as two classes, see
        :func:`as_multiclass`.
        """
        return resize(
            as_multiclass(self.seg_logits[images]),
            size=size,
            mode='bilinear',
            align_corners=self.align_corners)


def as_multiclass(seg_logits: Tensor) -> Tensor:
    """Logits in fp32 whose softmax gives the class probabilities.

    A one-channel binary head gives the logit x of class 1; [0, x] has the
    same probabilities under the softmax as x under the sigmoid.
    """
    seg_logits = seg_logits.float()
    if seg_logits.shape[1] > 1:
        return seg_logits
    return torch.cat([torch.zeros_like(seg_logits), seg_logits], dim=1)
