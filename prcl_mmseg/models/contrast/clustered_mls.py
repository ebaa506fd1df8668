# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Scores of anchors against keys that share their variance by cluster."""
from typing import Iterator, Optional, Tuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...gaussian import DiagonalGaussian, check_reduction
from .device_amount import device_amount
from .pairwise_backends.blocks import STEEPEST, log_sum_, safe_halvings
from .pairwise_mls import score_from_energy

# Numbers in one (anchors, clusters, D) block.
_BLOCK_SIZE = dict(cpu=2**19, accelerator=2**26)


def clustered_mls(anchors: DiagonalGaussian,
                  clusters: DiagonalGaussian,
                  offset: Tensor,
                  reduction: str = 'sum') -> Tensor:
    r"""MLS of anchors against keys around the centres of clusters.

    The keys of a cluster have the means ``clusters.mean + offset`` and all of
    them its variance. So :math:`w = 1/(\sigma_a^2 + \sigma_c^2)` and
    :math:`d = \mu_a - \mu_c` belong to an anchor and a cluster, and what
    depends on the key δ is a matrix product:

    .. math::
        \sum_l w_l (d_l - \delta_l)^2
        = \sum_l w_l d_l^2 - 2 (w d) \cdot \delta + w \cdot \delta^2

    Divisions and logarithms are spent on anchors × clusters, not on anchors ×
    keys. Taken from the centre, the three terms are of the size of their sum,
    so nothing is lost in fp32. Keys are constants.

    Args:
        anchors (DiagonalGaussian): A anchors, (A, D).
        clusters (DiagonalGaussian): Centres and variances σ², (C, D).
        offset (Tensor): Of the keys from the centre, (C, M, D).
        reduction (str): 'sum' or 'mean', see equation (6).

    Returns:
        Tensor: Scores of shape (A, C, M), fp32.
    """
    check_reduction(reduction)
    clusters = clusters.detach()
    energy = _ClusteredEnergy.apply(anchors.mean.float(), anchors.var.float(),
                                    clusters.mean.float(),
                                    clusters.var.float(),
                                    offset.detach().float())
    return score_from_energy(energy, anchors.mean.shape[-1], reduction)


class _ClusteredEnergy(torch.autograd.Function):
    """Σ_l w (d-δ)² - log w, a block of anchors at a time."""

    @staticmethod
    def forward(ctx, mean: Tensor, var: Tensor, centre: Tensor,
                cluster_var: Tensor, offset: Tensor) -> Tensor:
        ctx.save_for_backward(mean, var, centre, cluster_var, offset)
        energy = mean.new_empty(len(mean), *offset.shape[:2])
        if not energy.numel():
            return energy
        linear, square = offset.mT.mul(-2), offset.square().mT
        halvings = safe_halvings(var, cluster_var)
        for rows, diff, inverse in _blocks(mean, var, centre, cluster_var):
            slope = diff * inverse
            # Clusters lead, (C, a, D): one matrix product for each.
            pulled = slope.transpose(0, 1) @ linear
            pulled.baddbmm_(inverse.transpose(0, 1), square)
            own = slope.mul_(diff).sum(-1) - log_sum_(inverse, halvings)
            energy[rows] = own[..., None] + pulled.transpose(0, 1)
        return energy

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Optional[Tensor], ...]:
        mean, var, centre, cluster_var, offset = ctx.saved_tensors
        needs_mean, needs_var = ctx.needs_input_grad[:2]
        grad_mean = torch.empty_like(mean) if needs_mean else None
        grad_var = torch.empty_like(var) if needs_var else None
        square = offset.square()
        for rows, diff, inverse in _blocks(mean, var, centre, cluster_var):
            weight = grad[rows].transpose(0, 1)
            total = weight.sum(-1).T[..., None]
            # Σ_m g (d-δ) and Σ_m g (d-δ)², (a, C, D).
            offsets = (weight @ offset).transpose(0, 1)
            if needs_mean:
                pull = (total * diff - offsets) * inverse
                grad_mean[rows] = 2 * pull.sum(1)
            if needs_var:
                squares = (weight @ square).transpose(0, 1)
                spread = squares + diff * (total * diff - 2 * offsets)
                curve = inverse * (total - inverse * spread)
                # For a σ² of 1e-20 it would leave the range of fp32.
                grad_var[rows] = curve.clamp_(-STEEPEST**2, STEEPEST**2).sum(1)
        return grad_mean, grad_var, None, None, None


def _blocks(mean: Tensor, var: Tensor, centre: Tensor, cluster_var: Tensor
            ) -> Iterator[Tuple[slice, Tensor, Tensor]]:
    """Anchors with their d and w, both (a, C, D)."""
    size = device_amount(_BLOCK_SIZE, mean)
    at_once = max(1, size // max(1, centre.numel()))
    for start in range(0, len(mean), at_once):
        rows = slice(start, start + at_once)
        yield (rows, mean[rows, None] - centre,
               (var[rows, None] + cluster_var).reciprocal_())
