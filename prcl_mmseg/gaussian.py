# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The mathematics of probabilistic representations, in plain PyTorch.

A pixel, or a class, is a Gaussian with a diagonal covariance over ``D``
embedding dimensions. ``var`` always means the variance σ², never σ; the
dimensions ``D`` come last; everything else broadcasts. Equation numbers are
those of PRCL (Xie et al., AAAI 2023).
"""
import math
from dataclasses import dataclass
from typing import Optional, Sequence, Union

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class DiagonalGaussian:
    """Gaussians N(mean, diag(var)), equation (1).

    Args:
        mean (Tensor): Means μ, of shape (..., D).
        var (Tensor): Variances σ² > 0, of the same shape.

    Examples:
        >>> pixels = DiagonalGaussian(torch.randn(100, 8), torch.ones(100, 8))
        >>> prototype = pixels.fuse(dim=0)
        >>> prototype.mean.shape, float(prototype.var[0])
        (torch.Size([8]), 0.01)
    """

    mean: Tensor
    var: Tensor

    @property
    def precision(self) -> Tensor:
        """Natural parameter Λ = 1/σ², of the same shape."""
        return 1 / self.var

    def __getitem__(self, index) -> 'DiagonalGaussian':
        """Select Gaussians by an index over the leading dimensions."""
        return DiagonalGaussian(self.mean[index], self.var[index])

    def select(self, index: Tensor) -> 'DiagonalGaussian':
        """The Gaussians of a table (P, D) at int64 indices, (..., D).

        Indices may repeat; with gradients this is much faster than
        ``self[index]``.
        """
        shape = (*index.shape, self.mean.shape[-1])
        flat = index.flatten()
        return DiagonalGaussian(
            self.mean.index_select(0, flat).view(shape),
            self.var.index_select(0, flat).view(shape))

    def detach(self) -> 'DiagonalGaussian':
        """The same Gaussians, cut from the graph."""
        return DiagonalGaussian(self.mean.detach(), self.var.detach())

    def normalize(self) -> 'DiagonalGaussian':
        """Means scaled to unit length over D; variances as they are."""
        return DiagonalGaussian(F.normalize(self.mean, dim=-1), self.var)

    def fuse(self, dim: Union[int, Sequence[int]] = 0) -> 'DiagonalGaussian':
        r"""Posterior of independent Gaussians, equations (2) to (5).

        .. math::
            1/\hat\sigma^2 = \sum_i 1/\sigma_i^2, \qquad
            \hat\mu = \hat\sigma^2 \sum_i \mu_i / \sigma_i^2

        In natural parameters both are plain sums, hence the order and the
        grouping of what is fused do not matter.

        Args:
            dim (int | Sequence[int]): Leading dimension(s) to fuse over.

        Returns:
            DiagonalGaussian: The fused Gaussians, without ``dim``.
        """
        precision = self.precision
        var = 1 / precision.sum(dim)
        return DiagonalGaussian(var * (precision * self.mean).sum(dim), var)

    def sample(self,
               num_samples: Optional[int] = None,
               scale: float = 1.0) -> Tensor:
        """Draw from N(mean, ``scale``·var), differentiably in both.

        Args:
            num_samples (int, optional): Draws per Gaussian. None draws one.
            scale (float): Factor on the *variance*. Defaults to 1.

        Returns:
            Tensor: Of shape (..., D), or (..., num_samples, D).
        """
        mean, std = self.mean, (scale * self.var).sqrt()
        if num_samples is not None:
            shape = (*mean.shape[:-1], num_samples, mean.shape[-1])
            mean = mean.unsqueeze(-2).expand(shape)
            std = std.unsqueeze(-2).expand(shape)
        return mean + std * torch.randn_like(mean)


def mutual_likelihood_score(mean1: Tensor,
                            var1: Tensor,
                            mean2: Tensor,
                            var2: Tensor,
                            *,
                            reduction: str = 'sum',
                            normalize: bool = False) -> Tensor:
    r"""Mutual likelihood score (MLS) of two Gaussians, equation (6).

    .. math::
        -\tfrac12 \sum_l \Big[\frac{(\mu_{1l} - \mu_{2l})^2}
        {\sigma_{1l}^2 + \sigma_{2l}^2} +
        \log(\sigma_{1l}^2 + \sigma_{2l}^2)\Big] - \tfrac D2 \log 2\pi

    It is the log likelihood that both describe the same point,
    log N(μ1; μ2, σ1² + σ2²), and symmetric.

    Args:
        mean1 (Tensor): Means of shape (..., D).
        var1 (Tensor): Variances σ² of shape (..., D).
        mean2 (Tensor): Means of shape (..., D).
        var2 (Tensor): Variances σ² of shape (..., D).
        reduction (str): 'sum' is equation (6) with its constant. 'mean' is
            the score of the published code: the average over D, without the
            constant. Defaults to 'sum'.
        normalize (bool): Scale the means to unit length first.
            Defaults to False.

    Returns:
        Tensor: Scores of the broadcast leading dimensions, (...).

    Raises:
        ValueError: If ``reduction`` is neither 'sum' nor 'mean'.
    """
    check_reduction(reduction)
    if normalize:
        mean1 = F.normalize(mean1, dim=-1)
        mean2 = F.normalize(mean2, dim=-1)
    var = var1 + var2
    score = -0.5 * ((mean1 - mean2).square() / var + var.log())
    if reduction == 'mean':
        return score.mean(-1)
    return score.sum(-1) - 0.5 * score.shape[-1] * math.log(2 * math.pi)


def check_reduction(reduction: str) -> None:
    """Raise ValueError unless ``reduction`` is one that the MLS knows."""
    if reduction not in ('sum', 'mean'):
        raise ValueError(
            f"reduction={reduction!r} is not an MLS reduction; use 'sum' "
            "(equation 6) or 'mean' (the published average over D)")
