# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import List, Mapping

import torch
from torch import Tensor


@torch.no_grad()
def not_finite(tensors: Mapping[str, Tensor]) -> List[str]:
    """Names of the tensors that hold a NaN or an infinity.

    A device is asked once for all of them, not once for each.

    Args:
        tensors (Mapping[str, Tensor]): Tensors of any shape, by name.
            Integers are always finite.
    """
    checked = {
        name: tensor.detach()
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and tensor.numel()
    }
    if not checked:
        return []
    # The norm is the fastest look at all numbers; it may overflow, too.
    norms = torch._foreach_norm(list(checked.values()))
    finite = torch.stack([norm.float() for norm in norms]).isfinite().tolist()
    return [
        name for (name, tensor), good in zip(checked.items(), finite)
        if not good and not tensor.isfinite().all()
    ]
