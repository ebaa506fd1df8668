# Copyright (c) prcl_mmseg authors. All rights reserved.
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from ...gaussian import DiagonalGaussian, check_reduction
from ...value_check import check_number
from .clustered_mls import clustered_mls
from .device_amount import device_amount
from .pairwise_mls import pairwise_mls

# Of a map: what stays in a CPU's cache, what fits into a CUDA grid.
PIXELS_AT_ONCE = dict(cpu=2**12, accelerator=2**18)


@MODELS.register_module()
@dataclass(frozen=True)
class MutualLikelihood:
    """How similar Gaussians are: their mutual likelihood score, equation (6).

    One object serves the contrast, its negatives, the prototypes that label
    and what predictions say of doubt, so that all of them mean the same.

    Args:
        normalize (bool): Scale means to unit length first. Defaults to True.
        reduction (str): 'sum' over D, equation (6), or 'mean' without the
            constant, as in the published code. Defaults to 'sum'.
        temperature (float): τ, by which scores are divided where they become
            logits. At 1, with 'sum', a softmax over prototypes is Bayes' rule
            for Gaussian classes. Defaults to 1.

    Raises:
        ValueError: For a value that can't be used.
    """

    normalize: bool = True
    reduction: str = 'sum'
    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_reduction(self.reduction)
        check_number(
            'similarity.temperature', self.temperature, 0, open_low=True)

    def average(self, scores: Tensor, dims: int) -> Tensor:
        """Scores averaged over D = ``dims``, without the constant."""
        if self.reduction == 'mean':
            return scores
        return scores / dims + 0.5 * math.log(2 * math.pi)

    def score(self, anchors: DiagonalGaussian, keys: DiagonalGaussian,
              index: Tensor) -> Tensor:
        """Scores of groups of anchors with the keys chosen for each group.

        Args:
            anchors (DiagonalGaussian): G groups of Q anchors, (G, Q, D).
            keys (DiagonalGaussian): The table of keys, (P, D), constants.
            index (Tensor): Which K keys each group meets, int64, (G, K).

        Returns:
            Tensor: fp32, (G, Q, K).
        """
        if self.normalize:
            anchors, keys = anchors.normalize(), keys.normalize()
        return pairwise_mls(anchors, keys, index, self.reduction)

    def score_clusters(self, anchors: DiagonalGaussian,
                       clusters: DiagonalGaussian, means: Tensor) -> Tensor:
        """Scores of groups of anchors with keys that share variances.

        Args:
            anchors (DiagonalGaussian): (G, Q, D).
            clusters (DiagonalGaussian): Centre and variance of the keys of
                each cluster, (C, D).
            means (Tensor): Means of the keys, (C, M, D).

        Returns:
            Tensor: fp32, (G, Q, C·M).
        """
        if self.normalize:
            anchors, clusters = anchors.normalize(), clusters.normalize()
            means = F.normalize(means, dim=-1)
        flat = DiagonalGaussian(
            anchors.mean.flatten(0, 1), anchors.var.flatten(0, 1))
        scores = clustered_mls(flat, clusters, means - clusters.mean[:, None],
                               self.reduction)
        return scores.view(*anchors.mean.shape[:2], -1)

    def score_maps(self, embedding: DiagonalGaussian,
                   prototypes: DiagonalGaussian) -> Tensor:
        """Scores of every pixel with every prototype.

        Args:
            embedding (DiagonalGaussian): Of the pixels, (N, D, h, w).
            prototypes (DiagonalGaussian): Of the classes, (C, D).

        Returns:
            Tensor: fp32, (N, C, h, w).
        """
        num, dims, height, width = embedding.mean.shape
        pixels = DiagonalGaussian(
            embedding.mean.permute(0, 2, 3, 1).reshape(1, -1, dims),
            embedding.var.permute(0, 2, 3, 1).reshape(1, -1, dims))
        index = torch.arange(
            len(prototypes.mean), device=embedding.mean.device)[None]
        amount = device_amount(PIXELS_AT_ONCE, index)
        scores = torch.cat([
            self.score(
                DiagonalGaussian(mean, var), prototypes, index)
            for mean, var in zip(
                pixels.mean.split(amount, dim=1),
                pixels.var.split(amount, dim=1))
        ], dim=1)
        return scores.view(num, height, width, -1).permute(0, 3, 1, 2)
