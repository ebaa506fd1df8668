# Copyright (c) prcl_mmseg authors. All rights reserved.
from functools import lru_cache
from types import ModuleType

import torch
from mmengine.logging import print_log
from torch import Tensor

from . import blocks


def backend_for(tensor: Tensor) -> ModuleType:
    """The fastest backend that works for a tensor of this kind.

    Fused kernels for fp32 on CUDA, once they have been seen to agree with
    the plain implementation there; the plain one everywhere else.
    """
    if tensor.is_cuda and tensor.dtype == torch.float32:
        return _cuda_backend(tensor.device)
    return blocks


@lru_cache(maxsize=None)
def _cuda_backend(device: torch.device) -> ModuleType:
    try:
        from . import fused
        check_agreement(fused, device)
    except Exception as error:
        # Whatever keeps Triton from working, training must go on.
        reason = str(error).strip().split('\n')[0] or type(error).__name__
        print_log(
            'The contrast is scored by plain PyTorch, because the Triton '
            f'kernels do not work here: {reason}',
            logger='current',
            level=30)
        return blocks
    return fused


def check_agreement(backend: ModuleType, device: torch.device) -> None:
    """Raise RuntimeError if a backend does not agree with plain PyTorch.

    Args:
        backend (ModuleType): The backend.
        device (torch.device): Where to try it.
    """
    generator = torch.Generator().manual_seed(0)
    mean, key_mean = (
        torch.randn(shape, generator=generator).to(device)
        for shape in ((3, 5, 19), (11, 19)))
    var, key_var = (
        torch.rand(shape, generator=generator).add_(1e-3).to(device)
        for shape in ((3, 5, 19), (11, 19)))
    index = torch.randint(11, (3, 37), generator=generator).to(device)
    grad = torch.randn(3, 5, 37, generator=generator).to(device)
    scene = (mean, var, key_mean, key_var, index)
    pairs = zip(
        (backend.energy(*scene),
         *backend.gradients(grad, *scene, True, True)),
        (blocks.energy(*scene), *blocks.gradients(grad, *scene, True, True)))
    for result, expected in pairs:
        if not torch.allclose(result, expected, rtol=1e-3, atol=1e-3):
            difference = (result - expected).abs().max()
            raise RuntimeError(
                f'results differ by {float(difference):.3g} on {device}')
