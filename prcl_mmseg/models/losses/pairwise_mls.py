# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Scores of many anchors against many keys in bounded memory."""
import math
from typing import Iterator, Tuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...gaussian import DiagonalGaussian, check_reduction

# Numbers in one (groups, anchors, keys, D) block: small enough to stay in a
# CPU cache, large enough to fill a GPU.
_BLOCK_SIZE = dict(cpu=2**19, accelerator=2**26)


def pairwise_mls(anchors: DiagonalGaussian,
                 keys: DiagonalGaussian,
                 index: Tensor,
                 reduction: str = 'sum') -> Tensor:
    """MLS of each group of anchors against the keys chosen for the group.

    The same numbers as :func:`mutual_likelihood_score`, computed block by
    block: memory grows with anchors × keys, not with anchors × keys × D, in
    the forward and in the backward pass. Keys are constants; only the anchors
    get a gradient.

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
    dims = anchors.mean.shape[-1]
    if reduction == 'mean':
        return -0.5 / dims * energy
    return -0.5 * (energy + dims * math.log(2 * math.pi))


class _PairwiseEnergy(torch.autograd.Function):
    """Σ_l (μ_a-μ_k)²/(σ_a²+σ_k²) + log(σ_a²+σ_k²), block by block."""

    @staticmethod
    def forward(ctx, mean: Tensor, var: Tensor, key_mean: Tensor,
                key_var: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(mean, var, key_mean, key_var, index)
        energy = mean.new_empty(*mean.shape[:2], index.shape[1])
        for group, key, diff, total in _blocks(mean, var, key_mean, key_var,
                                               index):
            terms = diff.square_().div_(total).add_(total.log_())
            energy[group, :, key] = terms.sum(-1)
        return energy

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple:
        mean, var, key_mean, key_var, index = ctx.saved_tensors
        grad_mean, grad_var = torch.zeros_like(mean), torch.zeros_like(var)
        for group, key, diff, total in _blocks(mean, var, key_mean, key_var,
                                               index):
            weight = grad[group, :, key, None]
            inverse = total.reciprocal_()
            slope = diff.mul_(inverse)
            grad_mean[group] += 2 * (weight * slope).sum(2)
            grad_var[group] += inverse.sub_(slope.square_()).mul_(
                weight).sum(2)
        return grad_mean, grad_var, None, None, None


def _blocks(mean: Tensor, var: Tensor, key_mean: Tensor, key_var: Tensor,
            index: Tensor) -> Iterator[Tuple[slice, slice, Tensor, Tensor]]:
    """Differences of means and sums of variances, (g, Q, k, D) at a time."""
    groups, num_anchors, dims = mean.shape
    num_keys = index.shape[1]
    size = _BLOCK_SIZE['cpu' if mean.device.type == 'cpu' else 'accelerator']
    pairs = max(1, size // (num_anchors * dims))
    keys_at_once = min(num_keys, pairs)
    groups_at_once = max(1, pairs // num_keys)
    for g in range(0, groups, groups_at_once):
        group = slice(g, g + groups_at_once)
        for k in range(0, num_keys, keys_at_once):
            key = slice(k, k + keys_at_once)
            chosen = index[group, key]
            yield (group, key,
                   mean[group, :, None] - key_mean[chosen][:, None],
                   var[group, :, None] + key_var[chosen][:, None])
