# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What the class prototypes say of a pixel."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor


def class_log_posterior(scores: Tensor,
                        seen: Tensor,
                        temperature: float = 1.0) -> Tensor:
    r"""Log probability of each class, given the embedding of a pixel.

    log softmax over the classes of MLS(z, ρ)/τ. At τ = 1 this is Bayes' rule
    for classes that are Gaussians, all equally frequent.

    Args:
        scores (Tensor): MLS with each prototype, (N, C, H, W).
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
