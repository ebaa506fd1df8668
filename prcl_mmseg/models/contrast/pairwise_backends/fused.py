# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The pairwise energy as Triton kernels, for fp32 on CUDA.

Everything between the inputs and the (anchors, keys) result stays in
registers. The forward kernel takes two dimensions at a time, so that a pair
of divisions and a pair of logarithms cost one each. The product of two sums of
variances must be representable; since they are scaled first, it is for
variances between 1e-21 and 1e15.
"""
import math
from typing import Optional, Tuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from .blocks import STEEPEST

# The hardware's logarithm has base 2.
LN2 = tl.constexpr(math.log(2))
# Factor on sums of variances, 2**10.
SCALE = tl.constexpr(1024.0)
LOG2_SCALE = tl.constexpr(10.0)
MAX_SLOPE = tl.constexpr(STEEPEST)


def energy(mean: Tensor, var: Tensor, key_mean: Tensor, key_var: Tensor,
           index: Tensor) -> Tensor:
    """See :func:`blocks.energy`."""
    groups, num_anchors, dims = mean.shape
    num_keys = index.shape[1]
    result = mean.new_empty(groups, num_anchors, num_keys)
    tile_anchors = min(32, triton.next_power_of_2(num_anchors))
    tile_keys = 32 if tile_anchors > 8 else 256
    grid = (groups, triton.cdiv(num_anchors, tile_anchors),
            triton.cdiv(num_keys, tile_keys))
    with torch.cuda.device_of(mean):
        _energy_kernel[grid](
            mean.contiguous(),
            var.contiguous(),
            key_mean.contiguous(),
            key_var.contiguous(),
            index.contiguous(),
            result,
            num_anchors,
            num_keys,
            dims,
            TILE_ANCHORS=tile_anchors,
            TILE_KEYS=tile_keys)
    return result


def gradients(grad: Tensor, mean: Tensor, var: Tensor, key_mean: Tensor,
              key_var: Tensor, index: Tensor, needs_mean: bool,
              needs_var: bool) -> Tuple[Optional[Tensor], Optional[Tensor]]:
    """See :func:`blocks.gradients`."""
    groups, num_anchors, dims = mean.shape
    grad_mean = torch.empty_like(mean, memory_format=torch.contiguous_format)
    grad_var = torch.empty_like(grad_mean)
    tile_anchors = min(16, triton.next_power_of_2(num_anchors))
    tile_dims = min(64 if tile_anchors > 4 else 256,
                    triton.next_power_of_2(dims))
    grid = (groups, triton.cdiv(num_anchors, tile_anchors),
            triton.cdiv(dims, tile_dims))
    with torch.cuda.device_of(mean):
        _gradients_kernel[grid](
            grad.contiguous(),
            mean.contiguous(),
            var.contiguous(),
            key_mean.contiguous(),
            key_var.contiguous(),
            index.contiguous(),
            grad_mean,
            grad_var,
            num_anchors,
            index.shape[1],
            dims,
            NEEDS_MEAN=needs_mean,
            NEEDS_VAR=needs_var,
            TILE_ANCHORS=tile_anchors,
            TILE_DIMS=tile_dims)
    return (grad_mean if needs_mean else None,
            grad_var if needs_var else None)


@triton.jit
def _energy_kernel(mean, var, key_mean, key_var, index, result, num_anchors,
                   num_keys, dims, TILE_ANCHORS: tl.constexpr,
                   TILE_KEYS: tl.constexpr):
    """One tile of anchors against one tile of keys of the same group."""
    group = tl.program_id(0).to(tl.int64)
    anchor = tl.program_id(1) * TILE_ANCHORS + tl.arange(0, TILE_ANCHORS)
    key = tl.program_id(2) * TILE_KEYS + tl.arange(0, TILE_KEYS)
    is_anchor = anchor < num_anchors
    is_key = key < num_keys
    chosen = tl.load(index + group * num_keys + key, mask=is_key, other=0)
    anchor_row = (group * num_anchors + anchor) * dims
    key_row = chosen * dims

    total = tl.zeros((TILE_ANCHORS, TILE_KEYS), dtype=tl.float32)
    for dim in range(0, dims, 2):
        # Beyond the last dimension: no difference, and variances that sum
        # to 1.
        both = dim + 1 < dims
        second_anchor = is_anchor & both
        second_key = is_key & both
        mean1 = tl.load(mean + anchor_row + dim, mask=is_anchor, other=0.0)
        mean2 = tl.load(
            mean + anchor_row + dim + 1, mask=second_anchor, other=0.0)
        var1 = tl.load(var + anchor_row + dim, mask=is_anchor, other=0.5)
        var2 = tl.load(
            var + anchor_row + dim + 1, mask=second_anchor, other=0.5)
        key_mean1 = tl.load(key_mean + key_row + dim, mask=is_key, other=0.0)
        key_mean2 = tl.load(
            key_mean + key_row + dim + 1, mask=second_key, other=0.0)
        key_var1 = tl.load(key_var + key_row + dim, mask=is_key, other=0.5)
        key_var2 = tl.load(
            key_var + key_row + dim + 1, mask=second_key, other=0.5)
        diff1 = mean1[:, None] - key_mean1[None, :]
        diff2 = mean2[:, None] - key_mean2[None, :]
        total1 = SCALE * (var1[:, None] + key_var1[None, :])
        total2 = SCALE * (var2[:, None] + key_var2[None, :])
        product = total1 * total2
        squares = diff1 * diff1 * total2 + diff2 * diff2 * total1
        total += (SCALE * squares / product + LN2 *
                  (tl.log2(product) - 2 * LOG2_SCALE))

    place = (group * num_anchors + anchor)[:, None] * num_keys + key[None, :]
    tl.store(result + place, total, mask=is_anchor[:, None] & is_key[None, :])


@triton.jit
def _gradients_kernel(grad, mean, var, key_mean, key_var, index, grad_mean,
                      grad_var, num_anchors, num_keys, dims,
                      NEEDS_MEAN: tl.constexpr, NEEDS_VAR: tl.constexpr,
                      TILE_ANCHORS: tl.constexpr, TILE_DIMS: tl.constexpr):
    """A tile of anchors and dimensions; walks over the group's keys."""
    group = tl.program_id(0).to(tl.int64)
    anchor = tl.program_id(1) * TILE_ANCHORS + tl.arange(0, TILE_ANCHORS)
    dim = tl.program_id(2) * TILE_DIMS + tl.arange(0, TILE_DIMS)
    is_anchor = anchor < num_anchors
    is_dim = dim < dims
    row = group * num_anchors + anchor
    place = row[:, None] * dims + dim[None, :]
    inside = is_anchor[:, None] & is_dim[None, :]
    own_mean = tl.load(mean + place, mask=inside, other=0.0)
    own_var = tl.load(var + place, mask=inside, other=0.5)

    sum_mean = tl.zeros((TILE_ANCHORS, TILE_DIMS), dtype=tl.float32)
    sum_var = tl.zeros((TILE_ANCHORS, TILE_DIMS), dtype=tl.float32)
    for key in range(0, num_keys):
        chosen = tl.load(index + group * num_keys + key) * dims
        other_mean = tl.load(key_mean + chosen + dim, mask=is_dim, other=0.0)
        other_var = tl.load(key_var + chosen + dim, mask=is_dim, other=0.5)
        weight = tl.load(
            grad + row * num_keys + key, mask=is_anchor, other=0.0)[:, None]
        inverse = 1.0 / (own_var + other_var[None, :])
        slope = (own_mean - other_mean[None, :]) * inverse
        if NEEDS_MEAN:
            sum_mean += weight * slope
        if NEEDS_VAR:
            slope = tl.minimum(tl.maximum(slope, -MAX_SLOPE), MAX_SLOPE)
            sum_var += weight * (inverse - slope * slope)

    if NEEDS_MEAN:
        tl.store(grad_mean + place, 2.0 * sum_mean, mask=inside)
    if NEEDS_VAR:
        tl.store(grad_var + place, sum_var, mask=inside)
