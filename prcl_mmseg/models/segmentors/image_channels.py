# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Optional

from torch import nn


def image_channels(network: nn.Module) -> Optional[int]:
    """Channels of the images that a network takes.

    Args:
        network (nn.Module): A segmentor.

    Returns:
        int, optional: Those of the first convolution of its backbone; None
        without one.
    """
    for module in network.backbone.modules():
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    return None
