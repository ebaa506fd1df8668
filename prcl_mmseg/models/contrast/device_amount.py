# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict

from torch import Tensor


def device_amount(amounts: Dict[str, int], tensor: Tensor) -> int:
    """How much is computed at once where a tensor lies.

    Args:
        amounts (dict[str, int]): For 'cpu' and for 'accelerator'.
        tensor (Tensor): On either.
    """
    return amounts['cpu' if tensor.device.type == 'cpu' else 'accelerator']
