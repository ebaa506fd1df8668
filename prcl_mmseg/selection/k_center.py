# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import List, Tuple

import numpy as np


def farthest_first(points: np.ndarray, centers: np.ndarray,
                   count: int) -> Tuple[List[int], List[float]]:
    """Choose points that are far from each other and from given centres.

    Greedy k-centre: the next point is the one whose nearest centre is the
    farthest, and becomes a centre itself. Of points that are equally far the
    first is taken, and so is the first of all where there is no centre.

    Args:
        points (np.ndarray): To choose from, (N, D).
        centers (np.ndarray): Where to start from, (M, D); M may be 0.
        count (int): How many to choose, at most N.

    Returns:
        tuple[list[int], list[float]]: The chosen points in their order, and
        how far each was from its nearest centre; infinite without one.
    """
    if count > len(points):
        raise ValueError(f'{count} of {len(points)} points cannot be chosen')
    points = np.asarray(points, np.float64)
    nearest = np.full(len(points), np.inf)
    for center in np.asarray(centers, np.float64):
        nearest = np.minimum(nearest, _distances(points, center))
    chosen, distances = [], []
    for _ in range(count):
        best = int(nearest.argmax())
        chosen.append(best)
        distances.append(float(nearest[best]))
        nearest = np.minimum(nearest, _distances(points, points[best]))
        # Below every distance, also where all that are left are centres.
        nearest[chosen] = -1
    return chosen, distances


def _distances(points: np.ndarray, center: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points - center, axis=1)
