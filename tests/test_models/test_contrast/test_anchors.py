# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch

from prcl_mmseg.models import HardAnchors


def draw(sampler: HardAnchors, counts: list) -> tuple:
    """Anchors of a batch with so many hard pixels of each class."""
    label = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    label = label[torch.randperm(len(label))]
    hard = sampler.candidates(label,
                              torch.ones(len(label)).bool(),
                              torch.zeros(len(label)), len(counts))
    return label, sampler.draw(hard, torch.tensor(counts) > 0)


@pytest.mark.parametrize('counts', [[5, 40, 0, 1], [9, 0, 0, 0], [3, 3, 3, 3]])
def test_anchors_are_hard_pixels_of_the_class_of_their_tile(counts):
    torch.manual_seed(0)
    label, anchors = draw(HardAnchors(num_queries=64), counts)
    assert anchors.pixel.numel() == 64 * len(counts)
    own = anchors.classes[:, None].expand_as(anchors.pixel)
    assert label[anchors.pixel].equal(own)


@pytest.mark.parametrize('counts', [[5, 40, 0, 1], [9, 0, 0, 0], [3, 3, 3, 3]])
def test_each_class_present_has_the_same_weight(counts):
    torch.manual_seed(0)
    _, anchors = draw(HardAnchors(num_queries=96), counts)
    per_class = torch.zeros(4).scatter_add_(0, anchors.classes,
                                            anchors.weight)
    torch.testing.assert_close(per_class, (torch.tensor(counts) > 0).float())
    tiles = anchors.classes.bincount(minlength=4)
    present = tiles[torch.tensor(counts) > 0]
    assert present.max() - present.min() <= 1


def test_without_usable_classes_nothing_counts():
    _, anchors = draw(HardAnchors(num_queries=2), [1, 2])
    sampler = HardAnchors(num_queries=2)
    hard = sampler.candidates(
        torch.tensor([0, 1]), torch.zeros(2).bool(), torch.zeros(2), 2)
    anchors = sampler.draw(hard, torch.zeros(2).bool())
    assert anchors.weight.eq(0).all()
    assert anchors.pixel.ge(0).all() and anchors.pixel.lt(2).all()


@pytest.mark.parametrize('num_classes', [2, 21, 150])
def test_the_budget_bounds_the_anchors(num_classes):
    torch.manual_seed(0)
    _, anchors = draw(
        HardAnchors(num_queries=256, max_anchors=5376), [4] * num_classes)
    budget = min(256 * num_classes, 5376)
    # Whole tiles only.
    assert 0.9 * budget < anchors.pixel.numel() <= budget
    assert len(anchors.classes.unique()) == num_classes


def test_a_budget_below_the_classes_takes_turns_without_bias():
    """3 anchors for 12 classes: each has its full weight on average."""
    torch.manual_seed(0)
    sampler = HardAnchors(num_queries=32, max_anchors=3)
    total, steps = torch.zeros(12), 2000
    for _ in range(steps):
        _, anchors = draw(sampler, [1] * 12)
        assert anchors.weight.sum() == 12
        total.scatter_add_(0, anchors.classes, anchors.weight)
    # A class is taken with probability 1/4 and then has the weight 4.
    error = (3 / steps)**0.5
    assert ((total / steps - 1).abs() < 5 * error).all()


def test_every_valid_pixel_is_a_candidate_by_default():
    sampler, label = HardAnchors(), torch.tensor([0, 0, 1])
    valid, sure = torch.tensor([True, True, False]), torch.ones(3)
    assert sampler.threshold == 1.0 and sampler.num_queries == 256
    assert sampler.candidates(label, valid, sure, 2).count.tolist() == [2, 0]


@pytest.mark.parametrize('name', ['num_queries', 'max_anchors'])
def test_bad_numbers_are_named(name):
    with pytest.raises(ValueError, match=f'contrast.loss.anchors.{name}=0'):
        HardAnchors(**{name: 0})


@pytest.mark.parametrize('threshold, expected', [(0.8, [1, 0]), (1.0, [2, 1])])
def test_pixels_below_the_threshold_are_candidates(threshold, expected):
    label, valid = torch.tensor([0, 0, 1, 1]), torch.tensor([1, 1, 1, 0]) > 0
    target_prob = torch.tensor([0.7, 1.0, 0.8, 0.1])
    groups = HardAnchors(threshold=threshold).candidates(
        label, valid, target_prob, 2)
    assert groups.count.tolist() == expected
