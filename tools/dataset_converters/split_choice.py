# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Which images to label: seeded choices, pure NumPy."""
import numpy as np


def rank_uniform(num_images: int, seed: int) -> np.ndarray:
    """A random order of images.

    Args:
        num_images (int): Number of images.
        seed (int): The same seed gives the same order.

    Returns:
        np.ndarray: Indices of the images, shape (num_images, ), int64.
    """
    return np.random.default_rng(seed).permutation(num_images)


def rank_balanced(presence: np.ndarray,
                  count: int,
                  seed: int,
                  reserve: int = 0) -> np.ndarray:
    """Choose images so that rare classes are covered and all keep their share.

    Greedy: the s-th image is the one that fills most of what the classes
    lack. A class is due in max(1, s p) of s images, where p is the share of
    all images that show it; what a class lacks counts relative to what is
    due, so that a missing class counts as much as any other. Ties are broken
    at random. The order doesn't depend on ``count``: a smaller choice is the
    beginning of a larger one.

    Args:
        presence (np.ndarray): Which image shows which class, bool of shape
            (num_images, num_classes).
        count (int): How many images to choose.
        seed (int): The same seed gives the same choice.
        reserve (int): Leave so many images of each class unchosen as long as
            there are others. Defaults to 0.

    Returns:
        np.ndarray: Indices of the images in the order of choice, shape
        (count, ), int64.

    Raises:
        ValueError: If there are fewer than ``count`` images.

    Example:
        >>> rank_balanced(np.array([[1, 0], [1, 0], [0, 1]], bool), 2, seed=0)
        array([2, 0])
    """
    num_images = len(presence)
    if not 0 <= count <= num_images:
        raise ValueError(f'{count} images cannot be chosen from {num_images}; '
                         'ask for fewer.')
    order = rank_uniform(num_images, seed)
    shown = presence[order].astype(np.float32)
    available = shown.sum(0)
    share = available / max(num_images, 1)
    chosen = np.zeros(shown.shape[1], np.float32)
    free = np.ones(num_images, bool)
    ranking = []
    for step in range(1, count + 1):
        due = np.maximum(1, step * share)
        lack = np.where(available > 0, np.maximum(due - chosen, 0) / due, 0)
        gain = shown @ lack.astype(np.float32)
        if reserve:
            short = (available - chosen <= reserve).astype(np.float32)
            gain -= (shown @ short) * shown.shape[1]
        gain[~free] = -np.inf
        best = int(gain.argmax())
        free[best] = False
        chosen += shown[best]
        ranking.append(best)
    return order[np.array(ranking, dtype=np.int64)]
