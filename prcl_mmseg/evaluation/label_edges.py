# Copyright (c) prcl_mmseg authors. All rights reserved.
import torch.nn.functional as F
from torch import Tensor


def label_edges(label: Tensor, valid: Tensor, width: int) -> Tensor:
    """Pixels with another class in their neighbourhood.

    Args:
        label (Tensor): Class of each pixel, integers (H, W).
        valid (Tensor): Which pixels have a class, bool (H, W); the others
            neither make edges nor are part of one.
        width (int): How many pixels away, in rows and columns, another class
            still makes an edge.

    Returns:
        Tensor: bool of shape (H, W).
    """
    label = label.double()
    high = label.masked_fill(~valid, -float('inf'))
    low = (-label).masked_fill(~valid, -float('inf'))
    window = dict(kernel_size=2 * width + 1, stride=1, padding=width)
    highest = F.max_pool2d(high[None, None], **window)[0, 0]
    lowest = -F.max_pool2d(low[None, None], **window)[0, 0]
    return valid & (highest > lowest)
