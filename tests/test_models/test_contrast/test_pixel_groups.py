# Copyright (c) prcl_mmseg authors. All rights reserved.
import torch

from prcl_mmseg.models import PixelGroups

NUM_CLASSES = 4


def make_groups(seed: int = 0) -> tuple:
    """Class 2 has no pixel, and masked-out pixels have impossible labels."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.tensor([0, 1, 3])[torch.randint(
        3, (60, ), generator=generator)]
    mask = torch.rand(60, generator=generator) < 0.6
    label = label.where(mask, 255)
    return label, mask, PixelGroups.from_labels(label, mask, NUM_CLASSES)


def test_groups_hold_the_pixels_of_each_class():
    label, mask, groups = make_groups()
    for number in range(NUM_CLASSES):
        start, count = int(groups.start[number]), int(groups.count[number])
        members = groups.order[start:start + count].sort().values
        assert members.equal((mask & (label == number)).nonzero().flatten())
    assert groups.count[2] == 0


def test_masked_pixels_are_never_drawn():
    label, mask, groups = make_groups()
    classes = torch.tensor([[0], [1], [3]]).expand(-1, 4000)
    drawn = groups.draw(classes)
    assert drawn.shape == classes.shape
    assert mask[drawn].all()
    assert label[drawn].equal(classes)


def test_draws_are_uniform_within_the_class():
    """Pearson's statistic lies within 6 sigma of its expectation."""
    torch.manual_seed(0)
    label, mask, groups = make_groups()
    for number in (0, 1, 3):
        members = int(groups.count[number])
        drawn = groups.draw(torch.full((500 * members, ), number))
        counts = drawn.bincount(minlength=60)[mask & (label == number)]
        statistic = ((counts - 500).square() / 500).sum()
        freedom = members - 1
        assert abs(statistic - freedom) < 6 * (2 * freedom)**0.5


def test_draws_are_independent():
    """Two draws of a class of n pixels agree once in n times."""
    torch.manual_seed(0)
    label = torch.zeros(5, dtype=torch.long)
    groups = PixelGroups.from_labels(label, torch.ones(5).bool(), 1)
    one, two = groups.draw(torch.zeros(2, 20_000, dtype=torch.long))
    assert abs((one == two).float().mean() - 0.2) < 0.02


def test_a_single_pixel_is_always_drawn():
    label = torch.tensor([1, 0, 1])
    groups = PixelGroups.from_labels(label, torch.ones(3).bool(), 2)
    assert groups.draw(torch.zeros(100, dtype=torch.long)).eq(1).all()


def test_nothing_masked_in_leaves_empty_groups():
    groups = PixelGroups.from_labels(
        torch.full((7, ), 255), torch.zeros(7).bool(), NUM_CLASSES)
    assert groups.count.eq(0).all()
