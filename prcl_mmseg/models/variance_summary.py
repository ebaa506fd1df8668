# Copyright (c) prcl_mmseg authors. All rights reserved.
"""One number per pixel for its D variances."""
import torch
from torch import Tensor

from ..gaussian import DiagonalGaussian
from .losses.pairwise_mls import pairwise_mls

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


def effective_variance(mean: Tensor,
                       var: Tensor,
                       prototypes: DiagonalGaussian,
                       seen: Tensor,
                       normalize: bool = True) -> Tensor:
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
        mean (Tensor): Means μ of the pixels, (N, D, h, w).
        var (Tensor): Their variances σ², (N, D, h, w).
        prototypes (DiagonalGaussian): Of the classes, (C, D).
        seen (Tensor): Which classes have one, bool of shape (C,). If none
            has, all prototypes count.
        normalize (bool): Scale all means to unit length first.
            Defaults to True.

    Returns:
        Tensor: Of shape (N, 1, h, w), fp32.
    """
    score = prototype_scores(mean, var, prototypes, normalize, 'mean')
    score = score.masked_fill(_unseen(seen), -torch.inf)
    best = score.amax(dim=1, keepdim=True)
    return (-2 * best.clamp(min=_LOWEST_SCORE)).exp()


def class_posterior(mean: Tensor,
                    var: Tensor,
                    prototypes: DiagonalGaussian,
                    seen: Tensor,
                    temperature: float = 1.0,
                    normalize: bool = True,
                    reduction: str = 'sum') -> Tensor:
    r"""Probability of each class, given the embedding of a pixel.

    softmax over the classes of MLS(z, ρ)/τ: at τ = 1 and with the 'sum'
    Bayes' rule for classes that are Gaussians, all equally frequent.

    Args:
        mean (Tensor): Means μ of the pixels, (N, D, h, w).
        var (Tensor): Their variances σ², (N, D, h, w).
        prototypes (DiagonalGaussian): Of the classes, (C, D).
        seen (Tensor): Which classes have one, bool of shape (C,); the others
            get 0. If none has, all prototypes count.
        temperature (float): τ. Defaults to 1.
        normalize (bool): Scale all means to unit length first.
            Defaults to True.
        reduction (str): 'sum' or 'mean' over D. Defaults to 'sum'.

    Returns:
        Tensor: Of shape (N, C, h, w), fp32; sums to 1 over C.
    """
    score = prototype_scores(mean, var, prototypes, normalize, reduction)
    score = score.masked_fill(_unseen(seen), -torch.inf)
    return (score / temperature).softmax(dim=1)


def prototype_scores(mean: Tensor, var: Tensor, prototypes: DiagonalGaussian,
                     normalize: bool, reduction: str) -> Tensor:
    """MLS of every pixel with every prototype, (N, C, h, w); see above."""
    num, dims, height, width = mean.shape
    pixels = DiagonalGaussian(
        mean.permute(0, 2, 3, 1).reshape(1, -1, dims),
        var.permute(0, 2, 3, 1).reshape(1, -1, dims))
    if normalize:
        pixels, prototypes = pixels.normalize(), prototypes.normalize()
    index = torch.arange(len(prototypes.mean), device=mean.device)[None]
    score = pairwise_mls(pixels, prototypes, index, reduction=reduction)
    return score.view(num, height, width, -1).permute(0, 3, 1, 2)


def _unseen(seen: Tensor) -> Tensor:
    """Classes to leave out, (C, 1, 1); none before any has been seen."""
    return (~seen & seen.any())[:, None, None]
