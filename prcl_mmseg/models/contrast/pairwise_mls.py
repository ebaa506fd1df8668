# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Scores of many anchors against many keys in bounded memory."""
import math
from typing import Optional, Tuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...gaussian import DiagonalGaussian, check_reduction
from .pairwise_backends import backend_for


def pairwise_mls(anchors: DiagonalGaussian,
                 keys: DiagonalGaussian,
                 index: Tensor,
                 reduction: str = 'sum') -> Tensor:
    """MLS of each group of anchors against the keys chosen for the group.

    The same numbers as :func:`mutual_likelihood_score`, but nothing of the
    size anchors × keys × D ever exists, neither in the forward nor in the
    backward pass. Keys are constants; only the anchors get a gradient.

    Args:
        anchors (DiagonalGaussian): G groups of Q anchors, (G, Q, D).
        keys (DiagonalGaussian): The table of keys, (P, D).
        index (Tensor): Which K keys each group meets, int64, (G, K).
        reduction (str): 'sum' or 'mean', see equation (6).

    Returns:
        Tensor: Scores of shape (G, Q, K), fp32.
    """
    check_reduction(reduction)
    keys = keys.detach()
    energy = _PairwiseEnergy.apply(anchors.mean.float(), anchors.var.float(),
                                   keys.mean.float(), keys.var.float(), index)
    return score_from_energy(energy, anchors.mean.shape[-1], reduction)


def score_from_energy(energy: Tensor, dims: int, reduction: str) -> Tensor:
    """The MLS, equation (6), from the bracket that it sums over D."""
    if reduction == 'mean':
        return -0.5 / dims * energy
    return torch.sub(-0.5 * dims * math.log(2 * math.pi), energy, alpha=0.5)


class _PairwiseEnergy(torch.autograd.Function):
    """Σ_l (μ_a-μ_k)²/(σ_a²+σ_k²) + log(σ_a²+σ_k²) of every pair."""

    @staticmethod
    def forward(ctx, mean: Tensor, var: Tensor, key_mean: Tensor,
                key_var: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(mean, var, key_mean, key_var, index)
        if 0 in (mean.numel(), index.numel()):
            return mean.new_zeros(*mean.shape[:2], index.shape[1])
        return backend_for(mean).energy(mean, var, key_mean, key_var, index)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Optional[Tensor], ...]:
        if not grad.numel():
            mean, var = ctx.saved_tensors[:2]
            return (torch.zeros_like(mean), torch.zeros_like(var), None, None,
                    None)
        grad_mean, grad_var = backend_for(grad).gradients(
            grad.contiguous(), *ctx.saved_tensors,
            *ctx.needs_input_grad[:2])
        return grad_mean, grad_var, None, None, None
