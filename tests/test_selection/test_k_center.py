# Copyright (c) prcl_mmseg authors. All rights reserved.
from itertools import combinations
from math import dist, inf

import numpy as np
import pytest

from prcl_mmseg.selection import choose, farthest_first


def slow_choice(points: list, centers: list, count: int) -> tuple:
    """The definition, without any shortcut."""
    chosen, distances = [], []
    for _ in range(count):
        taken = centers + [points[index] for index in chosen]
        gaps = {
            index: min((dist(point, center) for center in taken), default=inf)
            for index, point in enumerate(points) if index not in chosen
        }
        best = max(gaps, key=lambda index: (gaps[index], -index))
        chosen.append(best)
        distances.append(gaps[best])
    return chosen, distances


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('num_centers', [0, 1, 4])
def test_each_is_the_farthest_from_all_before(seed, num_centers):
    rng = np.random.default_rng(seed)
    # On a grid, so that there are ties and doublets.
    points = rng.integers(0, 4, (15, 2)).astype(float)
    centers = rng.integers(0, 4, (num_centers, 2)).astype(float)
    chosen, distances = farthest_first(points, centers, 15)
    expected = slow_choice(points.tolist(), centers.tolist(), 15)
    assert chosen == expected[0]
    np.testing.assert_allclose(distances, expected[1])


def test_covers_at_most_twice_as_badly_as_the_best_choice():
    points = np.random.default_rng(0).random((12, 3))

    def radius(chosen) -> float:
        return max(min(dist(point, points[index]) for index in chosen)
                   for point in points)

    best = min(map(radius, combinations(range(12), 3)))
    assert radius(farthest_first(points, np.empty((0, 3)), 3)[0]) <= 2 * best


def test_too_few_points():
    with pytest.raises(ValueError, match='3 of 2 points'):
        farthest_first(np.zeros((2, 1)), np.zeros((0, 1)), 3)


def test_best_scores_first_and_equal_ones_in_order():
    choice = choose([0.1, 0.7, 0.3, 0.7, -2], 3)
    assert choice.indices == [1, 3, 2]
    assert choice.ranks.tolist() == [4, 1, 3, 2, 5]
    assert choice.distances is None


def test_diverse_choice_is_among_the_best():
    scores = np.arange(10.)[::-1]
    # The last two are far off, but not among the 4 * 2 best.
    shown = np.array([0, 0, 1, 0, 3, 2, 0, 0, 90, 99.])[:, None]
    choice = choose(scores, 2, shown, np.zeros((1, 1)))
    assert choice.indices == [4, 2]
    assert choice.distances == [3, 1]
    assert choice.ranks[4] == 5
