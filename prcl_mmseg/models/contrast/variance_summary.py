# Copyright (c) prcl_mmseg authors. All rights reserved.
"""One number per pixel for its D variances."""
import torch
from torch import Tensor

# Scores below it mean the same: like no prototype at all.
_LOWEST_SCORE = -40.0


def arithmetic_mean(var: Tensor) -> Tensor:
    """Mean of the variances σ²: (N, D, h, w) to (N, 1, h, w)."""
    return var.mean(dim=1, keepdim=True)


def geometric_mean(var: Tensor) -> Tensor:
    """exp of the mean log σ²: (N, D, h, w) to (N, 1, h, w).

    The volume of the Gaussian: a few large variances count for less.
    """
    return var.log().mean(dim=1, keepdim=True).exp()


def effective_variance(scores: Tensor, seen: Tensor) -> Tensor:
    r"""Variance that also grows with the distance from every prototype.

    .. math::
        e^{-2 s} = e^{\frac1D \sum_l (\mu_l - \rho_l)^2 /
        (\sigma_l^2 + \hat\sigma_l^2)} \Big(\prod_l
        (\sigma_l^2 + \hat\sigma_l^2)\Big)^{1/D}

    with s the best mutual likelihood score, equation (6) averaged over D and
    without its constant, of the pixel with the prototypes. So it orders
    pixels as -s does, but is positive and in the units of σ²: where pixel and
    prototype coincide it is the geometric mean of the summed variances.

    Args:
        scores (Tensor): Averaged over D, of the pixels with the prototypes
            of the classes, (N, C, h, w).
        seen (Tensor): Which classes have one, bool of shape (C,). If none
            has, all prototypes count.

    Returns:
        Tensor: Of shape (N, 1, h, w), fp32.
    """
    missing = (~seen & seen.any())[:, None, None]
    best = scores.masked_fill(missing, -torch.inf).amax(dim=1, keepdim=True)
    return (-2 * best.clamp(min=_LOWEST_SCORE)).exp()
