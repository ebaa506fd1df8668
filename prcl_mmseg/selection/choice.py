# Copyright (c) prcl_mmseg authors. All rights reserved.
"""From the scores of all images to those to label next."""
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from .k_center import farthest_first

# Of how many images for each that is wanted a diverse choice is made.
CANDIDATES_PER_CHOICE = 4


class Choice(NamedTuple):
    """Which images to label, and the rank of all.

    Args:
        indices (list[int]): The chosen images, in their order.
        ranks (np.ndarray): Rank of each image by its score, from 1, (N,).
        distances (list[float], optional): Of a diverse choice, how far each
            chosen image was from the nearest labelled or chosen one.
    """

    indices: List[int]
    ranks: np.ndarray
    distances: Optional[List[float]] = None


def choose(scores: Sequence[float],
           count: int,
           descriptors: Optional[np.ndarray] = None,
           centers: Optional[np.ndarray] = None) -> Choice:
    """Take the best images, or different ones among the best.

    Args:
        scores (Sequence[float]): Of the N images; larger is better. Of equal
            ones the first comes first.
        count (int): How many to choose, at most N.
        descriptors (np.ndarray, optional): What the images show, (N, D). If
            given, the choice is :func:`farthest_first` among the
            ``CANDIDATES_PER_CHOICE * count`` best. Defaults to None.
        centers (np.ndarray, optional): Descriptors of the labelled images,
            (M, D). Needed with ``descriptors``.
    """
    order = np.argsort(-np.asarray(scores, np.float64), kind='stable')
    ranks = np.empty(len(order), int)
    ranks[order] = np.arange(1, len(order) + 1)
    if descriptors is None:
        return Choice(order[:count].tolist(), ranks)
    best = order[:CANDIDATES_PER_CHOICE * count]
    chosen, distances = farthest_first(descriptors[best], centers, count)
    return Choice(best[chosen].tolist(), ranks, distances)
