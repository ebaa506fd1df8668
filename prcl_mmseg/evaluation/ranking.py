# Copyright (c) prcl_mmseg authors. All rights reserved.
"""How well a score ranks wrong predictions behind right ones.

Any number of scores fits into a histogram whose bins follow the bits of a
float, so no range has to be known: a bin is 2^-11 of its scores wide. Scores
of one bin count as tied, and ties as in a random order.
"""
import torch
from torch import Tensor

# Of a float32: the sign, 8 bits of exponent and 11 of the mantissa.
_BITS = 20
NUM_BINS = 2**_BITS


def score_bins(score: Tensor) -> Tensor:
    """The bin of each score; larger scores never get a smaller bin.

    Args:
        score (Tensor): Floats of any sign and size, but no NaN.

    Returns:
        Tensor: int64 in [0, ``NUM_BINS``), of the shape of ``score``.
    """
    # Adding zero turns -0 into 0.
    bits = (score.float() + 0.0).contiguous().view(torch.int32)
    # Negative floats are ordered backwards by their magnitude bits.
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return (ordered >> (32 - _BITS)).long() + NUM_BINS // 2


def auroc(counts: Tensor) -> float:
    """Area under the ROC curve of finding the wrong predictions.

    The probability that a wrong prediction scores higher than a right one,
    a tie counting one half: 1 is perfect, 0.5 is chance.

    Args:
        counts (Tensor): Right and wrong predictions in each bin, of shape
            (2, B), bins in rising order of the score.

    Returns:
        float: In [0, 1]; NaN if nothing is wrong or nothing is right.
    """
    right, wrong = counts.double()
    below = right.cumsum(0) - right / 2
    return float((wrong * below).sum() / (wrong.sum() * right.sum()))


def auroc_tolerance(counts: Tensor) -> float:
    """How far the ties within bins can put :func:`auroc` off, at most.

    Args:
        counts (Tensor): As for :func:`auroc`.
    """
    right, wrong = counts.double()
    return float((wrong * right).sum() / (2 * wrong.sum() * right.sum()))


def aurc(counts: Tensor) -> float:
    r"""Area under the risk-coverage curve; smaller is better.

    The risk at coverage k/n is the share of wrong predictions among the k
    with the smallest scores; the area is the mean over k = 1 ... n (Geifman
    et al., ICLR 2019). A score without information gives the error rate.
    Within a bin of m predictions, e of them wrong, that follows K
    predictions, E of them wrong, a random order is expected to give

    .. math::
        \sum_{j=1}^m \frac{E + j e / m}{K + j}
        = e + (E - K e / m) (H_{K + m} - H_K)

    with the harmonic numbers H.

    Args:
        counts (Tensor): As for :func:`auroc`.

    Returns:
        float: In [0, 1]; NaN without predictions.
    """
    counts = counts[:, counts.sum(0) > 0].double()
    wrong, size = counts[1], counts.sum(0)
    last = size.cumsum(0)
    first, wrong_before = last - size, wrong.cumsum(0) - wrong
    harmonic = torch.digamma(last + 1) - torch.digamma(first + 1)
    area = wrong + (wrong_before - first * wrong / size) * harmonic
    return float(area.sum() / size.sum())


def perfect_aurc(counts: Tensor) -> float:
    """The smallest :func:`aurc` that any score has on these predictions.

    Args:
        counts (Tensor): As for :func:`auroc`.
    """
    return aurc(torch.diag(counts.sum(1)))
