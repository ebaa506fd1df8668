# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The pairwise energy in plain PyTorch, a block of pairs at a time."""
import math
from typing import Iterator, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from ..device_amount import device_amount

# Numbers in one (groups, anchors, keys, D) block: small enough to stay in a
# CPU cache, large enough to fill a GPU.
_BLOCK_SIZE = dict(cpu=2**21, accelerator=2**26)
# The gradient of σ² has squares of (μ_a-μ_k)/(σ_a²+σ_k²). Up to here they stay
# in the range of fp32; for a σ² of 1e-20 they would leave it.
STEEPEST = 1e18


class _Block(NamedTuple):
    """A block of pairs; the next one reuses its memory.

    Args:
        group (slice): Its groups.
        key (slice): Its keys, as columns of the index.
        diff (Tensor): μ_a - μ_k, of shape (g, Q, k, D).
        total (Tensor): σ_a² + σ_k², of shape (g, Q, k, D).
    """

    group: slice
    key: slice
    diff: Tensor
    total: Tensor


def energy(mean: Tensor, var: Tensor, key_mean: Tensor, key_var: Tensor,
           index: Tensor) -> Tensor:
    """Σ_l (μ_a-μ_k)²/(σ_a²+σ_k²) + log(σ_a²+σ_k²), (G, Q, K).

    Args:
        mean (Tensor): Means of the anchors, (G, Q, D).
        var (Tensor): Their variances σ², (G, Q, D).
        key_mean (Tensor): Means of the keys, (P, D).
        key_var (Tensor): Their variances σ², (P, D).
        index (Tensor): Which keys each group meets, int64, (G, K).
    """
    result = mean.new_empty(*mean.shape[:2], index.shape[1])
    halvings = safe_halvings(var, key_var)
    for group, key, diff, total in _blocks(mean, var, key_mean, key_var,
                                           index):
        terms = diff.square_().div_(total).sum(-1)
        result[group, :, key] = terms.add_(log_sum_(total, halvings))
    return result


def gradients(grad: Tensor, mean: Tensor, var: Tensor, key_mean: Tensor,
              key_var: Tensor, index: Tensor, needs_mean: bool,
              needs_var: bool) -> Tuple[Optional[Tensor], Optional[Tensor]]:
    """Gradients of the anchors' means and variances, where needed.

    Args:
        grad (Tensor): Gradient of the energy, (G, Q, K).
        mean, var, key_mean, key_var, index: As for :func:`energy`.
        needs_mean (bool): Whether the means' gradient is wanted.
        needs_var (bool): Whether the variances' gradient is wanted.
    """
    # Added to in views, which need rows that follow each other.
    grad_mean, grad_var = (
        torch.zeros_like(value, memory_format=torch.contiguous_format)
        if needed else None
        for value, needed in ((mean, needs_mean), (var, needs_var)))
    for group, key, diff, total in _blocks(mean, var, key_mean, key_var,
                                           index):
        weight = grad[group, :, key]
        inverse = total.reciprocal_()
        slope = diff.mul_(inverse)
        if needs_mean:
            _add_weighted_(grad_mean[group], weight, slope, 2.0)
        if needs_var:
            slope.clamp_(-STEEPEST, STEEPEST)
            curve = inverse.addcmul_(slope, slope, value=-1)
            _add_weighted_(grad_var[group], weight, curve, 1.0)
    return grad_mean, grad_var


def _add_weighted_(target: Tensor, weight: Tensor, terms: Tensor,
                   factor: float) -> None:
    """Add the sum over the keys of weight (g, Q, k) × terms (g, Q, k, D)."""
    target.flatten(0, 1)[:, None].baddbmm_(
        weight.flatten(0, 1)[:, None], terms.flatten(0, 1), alpha=factor)


def _blocks(mean: Tensor, var: Tensor, key_mean: Tensor, key_var: Tensor,
            index: Tensor) -> Iterator[_Block]:
    groups, num_anchors, dims = mean.shape
    num_keys = index.shape[1]
    size = device_amount(_BLOCK_SIZE, mean)
    pairs = max(1, size // (num_anchors * dims))
    keys_at_once = min(num_keys, pairs)
    groups_at_once = min(groups, max(1, pairs // num_keys))
    # Fresh memory for each block would cost more than the arithmetic.
    chosen_pairs = groups_at_once * keys_at_once
    chosen_mean = mean.new_empty(chosen_pairs, dims)
    chosen_var = torch.empty_like(chosen_mean)
    diff = mean.new_empty(chosen_pairs * num_anchors * dims)
    total = torch.empty_like(diff)
    for g in range(0, groups, groups_at_once):
        group = slice(g, g + groups_at_once)
        for k in range(0, num_keys, keys_at_once):
            key = slice(k, k + keys_at_once)
            chosen = index[group, key]
            num, flat = chosen.numel(), chosen.flatten()
            shape = (len(chosen), num_anchors, chosen.shape[1], dims)
            torch.index_select(key_mean, 0, flat, out=chosen_mean[:num])
            torch.index_select(key_var, 0, flat, out=chosen_var[:num])
            block = _Block(group, key,
                           diff[:math.prod(shape)].view(shape),
                           total[:math.prod(shape)].view(shape))
            keys_shape = (len(chosen), 1, chosen.shape[1], dims)
            torch.sub(
                mean[group, :, None],
                chosen_mean[:num].view(keys_shape),
                out=block.diff)
            torch.add(
                var[group, :, None],
                chosen_var[:num].view(keys_shape),
                out=block.total)
            yield block


def log_sum_(total: Tensor, halvings: int) -> Tensor:
    """Σ_l log over the last dimension; ``total`` is overwritten.

    The logarithm of a product is the sum of the logarithms, and on a CPU a
    product is ten times cheaper.

    Args:
        total (Tensor): Positive numbers, (..., D).
        halvings (int): How often to multiply in pairs first.
    """
    for _ in range(halvings):
        half, odd = divmod(total.shape[-1], 2)
        if odd:
            break
        total = total[..., :half].mul_(total[..., half:])
    return total.contiguous().log_().sum(-1)


def safe_halvings(var: Tensor, key_var: Tensor) -> int:
    """How often sums of two variances can be multiplied in pairs.

    As often as the products, and their inverses, stay in the range of the
    number format. Only on the CPU, where logarithms count; elsewhere asking
    for the range would make the host wait.
    """
    if var.device.type != 'cpu':
        return 0
    low = float(var.min() + key_var.min())
    high = float(var.max() + key_var.max())
    if not 0 < low <= high < math.inf:
        return 0
    limit = 0.9 * abs(math.log(torch.finfo(var.dtype).tiny))
    widest = max(abs(math.log(low)), abs(math.log(high)), limit / 16)
    return int(math.log2(max(1.0, limit / widest)))
