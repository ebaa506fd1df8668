# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What the class prototypes say of a pixel."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..gaussian import DiagonalGaussian
from .losses.pairwise_mls import pairwise_mls


def prototype_scores(embedding: DiagonalGaussian,
                     prototypes: DiagonalGaussian,
                     normalize: bool = True,
                     reduction: str = 'sum') -> Tensor:
    """MLS of every pixel with every prototype, equation (6).

    Args:
        embedding (DiagonalGaussian): Of the pixels, (N, D, h, w).
        prototypes (DiagonalGaussian): Of the classes, (C, D).
        normalize (bool): Scale all means to unit length first.
            Defaults to True.
        reduction (str): 'sum' or 'mean' over D. Defaults to 'sum'.

    Returns:
        Tensor: fp32, (N, C, h, w).
    """
    num, dims, height, width = embedding.mean.shape
    pixels = DiagonalGaussian(
        embedding.mean.permute(0, 2, 3, 1).reshape(1, -1, dims),
        embedding.var.permute(0, 2, 3, 1).reshape(1, -1, dims))
    if normalize:
        pixels, prototypes = pixels.normalize(), prototypes.normalize()
    index = torch.arange(
        len(prototypes.mean), device=embedding.mean.device)[None]
    scores = pairwise_mls(pixels, prototypes, index, reduction=reduction)
    return scores.view(num, height, width, -1).permute(0, 3, 1, 2)


def class_log_posterior(scores: Tensor,
                        seen: Tensor,
                        temperature: float = 1.0) -> Tensor:
    r"""Log probability of each class, given the embedding of a pixel.

    log softmax over the classes of MLS(z, ρ)/τ. At τ = 1 this is Bayes' rule
    for classes that are Gaussians, all equally frequent.

    Args:
        scores (Tensor): See :func:`prototype_scores`, (N, C, H, W).
        seen (Tensor): Which classes have a prototype, bool of shape (C,).
            Nothing is known of the others: each has the probability 1/C.
        temperature (float): τ. Defaults to 1.

    Returns:
        Tensor: Of the same shape; the probabilities of the classes add to 1.
    """
    seen = seen[:, None, None]
    scores = (scores / temperature).masked_fill(~seen, -torch.inf)
    known = seen.float().mean().log() + F.log_softmax(scores, dim=1)
    return known.where(seen, -math.log(len(seen)))


def fuse_logits(seg_logits: Tensor, log_posterior: Tensor,
                weight: float) -> Tensor:
    """Logits of the classifier and the prototypes together.

    The probabilities are the product p(classifier) · p(prototypes)^weight,
    scaled to add to 1. The prototypes know no frequencies of classes, so they
    speak for rare ones that the classifier gives up.

    Args:
        seg_logits (Tensor): Logits of the classes, (N, C, H, W), or that of
            class 1 of a one-channel binary head, (N, 1, H, W).
        log_posterior (Tensor): See :func:`class_log_posterior`, (N, C, H, W).
        weight (float): Of the prototypes.

    Returns:
        Tensor: fp32, of the shape of ``seg_logits``.
    """
    if seg_logits.shape[1] == 1:
        log_posterior = log_posterior[:, 1:] - log_posterior[:, :1]
    return seg_logits.float() + weight * log_posterior
