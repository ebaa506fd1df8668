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
    label = label.float()
    highest = _window_max(label.masked_fill(~valid, -float('inf')), width)
    lowest = -_window_max((-label).masked_fill(~valid, -float('inf')), width)
    return valid & (highest > lowest)


def _window_max(data: Tensor, width: int) -> Tensor:
    """Maximum within ``width`` rows and columns of each pixel, (H, W)."""
    side = 2 * width + 1
    data = F.max_pool2d(data[None, None], (side, 1), 1, (width, 0))
    return F.max_pool2d(data, (1, side), 1, (0, width))[0, 0]
