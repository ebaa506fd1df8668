# Copyright (c) prcl_mmseg authors. All rights reserved.
import numpy as np
import pytest
from split_choice import rank_balanced, rank_uniform


def long_tail(num: int = 400, classes: int = 20) -> np.ndarray:
    """Class c is in each image with probability 0.7^c, and in one at least."""
    rng = np.random.default_rng(0)
    presence = rng.random((num, classes)) < 0.7**np.arange(classes)
    presence[rng.integers(num, size=classes), np.arange(classes)] = True
    return presence


def test_every_class_is_covered_by_few_images():
    presence = long_tail()
    chosen = rank_balanced(presence, 12, seed=0)
    assert presence[chosen].any(0).all()
    # Which chance doesn't do.
    covered = [presence[rank_uniform(400, seed)[:12]].any(0).all()
               for seed in range(50)]
    assert not any(covered)


def test_shares_are_kept_once_all_are_covered():
    presence = long_tail()
    chosen = rank_balanced(presence, 200, seed=3)
    due = np.maximum(1, presence.mean(0) * 200)
    assert (presence[chosen].sum(0) >= np.floor(due)).all()
    assert len(set(chosen.tolist())) == 200


def test_smaller_choice_begins_a_larger_one():
    presence = long_tail()
    larger = rank_balanced(presence, 100, seed=1)
    assert rank_balanced(presence, 10, seed=1).tolist() == \
        larger[:10].tolist()
    assert rank_balanced(presence, 100, seed=2).tolist() != larger.tolist()


def test_last_images_of_a_class_are_left():
    presence = np.ones((6, 3), bool)
    presence[:, 2] = [True, False, False, False, False, False]
    chosen = rank_balanced(presence, 5, seed=0, reserve=1)
    assert 0 not in chosen
    # All are taken if all are asked for.
    assert sorted(rank_balanced(presence, 6, seed=0, reserve=1)) == list(
        range(6))


def test_equal_images_are_drawn_at_random():
    presence = np.ones((100, 2), bool)
    first = {int(rank_balanced(presence, 1, seed)[0]) for seed in range(30)}
    assert len(first) > 15


@pytest.mark.parametrize('count', [-1, 5])
def test_impossible_count(count):
    with pytest.raises(ValueError, match=f'{count} images cannot be chosen'):
        rank_balanced(np.ones((4, 2), bool), count, seed=0)


def test_nothing_to_choose():
    assert len(rank_balanced(np.zeros((0, 3), bool), 0, seed=0)) == 0
