# Copyright (c) prcl_mmseg authors. All rights reserved.
import math
import random

import pytest
import torch

from prcl_mmseg.models import View
from prcl_mmseg.models.augment import CutMix, CutOut

ASPECT = (0.3, 1 / 0.3)


def make_plain(num: int, height: int, width: int) -> View:
    one = torch.ones(1, 1, 1)
    maps = dict(
        label=torch.zeros(num, height, width).long(),
        confidence=torch.ones(num, height, width))
    return View(torch.ones(num, 1, height, width), maps, one, one)


def draw(num: int, height: int, width: int, **settings) -> tuple:
    """Top, left, height and width of the boxes that were cut out."""
    torch.manual_seed(0)
    view = make_plain(num, height, width)
    boxes = CutOut(**settings)(view).label == 255
    rows, columns = boxes.any(2), boxes.any(1)
    heights, widths = rows.sum(1), columns.sum(1)
    top, left = rows.int().argmax(1), columns.int().argmax(1)
    # One box each: nothing else, and no part of it, is missing.
    assert boxes.flatten(1).sum(1).equal(heights * widths)
    last = height - 1 - rows.flip(1).int().argmax(1)
    assert (last - top + 1).equal(heights)
    last = width - 1 - columns.flip(1).int().argmax(1)
    assert (last - left + 1).equal(widths)
    return top, left, heights, widths


def draw_by_rejection(num: int, height: int, width: int, area: tuple,
                      aspect: tuple) -> tuple:
    """As UniMatch does: a size; then shapes and places until one fits."""
    generator = random.Random(0)
    boxes = []
    for _ in range(num):
        size = generator.uniform(*area) * height * width
        while True:
            shape = generator.uniform(*aspect)
            columns = int(math.sqrt(size / shape))
            rows = int(math.sqrt(size * shape))
            left = generator.randrange(width)
            top = generator.randrange(height)
            if left + columns <= width and top + rows <= height:
                break
        boxes.append((top, left, rows, columns))
    return torch.tensor(boxes).unbind(1)


@pytest.mark.parametrize('size', ((60, 60), (60, 100), (90, 40)))
def test_area_and_aspect_are_in_their_ranges(size):
    height, width = size
    top, left, heights, widths = draw(
        2000, *size, area=(0.02, 0.4), aspect=ASPECT)
    # Both sides are rounded down.
    assert (heights * widths <= 0.4 * height * width).all()
    assert ((heights + 1) * (widths + 1) > 0.02 * height * width).all()
    assert (heights / (widths + 1) < ASPECT[1]).all()
    assert ((heights + 1) / widths > ASPECT[0]).all()
    # The ranges are made use of.
    area = heights * widths / (height * width)
    assert area.min() < 0.03 and area.max() > 0.36
    assert (heights / widths).log().std() > 0.3


@pytest.mark.parametrize('settings', (
    dict(area=(0.02, 0.4), aspect=ASPECT),
    dict(area=(0.02, 0.4)),
    dict(area=0.3, aspect=ASPECT),
))
def test_boxes_reach_all_borders(settings):
    height, width = 40, 60
    top, left, heights, widths = draw(3000, height, width, **settings)
    assert top.min() == left.min() == 0
    assert (top + heights).max() == height
    assert (left + widths).max() == width
    # No side is preferred.
    for start, length, size in ((top, heights, height),
                                (left, widths, width)):
        centre = start + length / 2
        error = centre.std() / len(centre)**0.5
        assert abs(centre.mean() - size / 2) < 4 * error


@pytest.mark.parametrize('size', ((64, 64), (48, 96)))
@pytest.mark.parametrize('area', ((0.02, 0.4), (0.35, 0.4)))
def test_boxes_are_distributed_as_if_drawn_until_they_fit(size, area):
    num = 10_000
    drawn = draw(num, *size, area=area, aspect=ASPECT)
    expected = draw_by_rejection(num, *size, area, ASPECT)
    for statistic in (
            lambda top, left, rows, columns: rows * columns,
            lambda top, left, rows, columns: (rows / columns).log(),
            lambda top, left, rows, columns: (rows / columns).log().square(),
            lambda top, left, rows, columns: top,
            lambda top, left, rows, columns: left):
        one, other = (statistic(*boxes).double()
                      for boxes in (drawn, expected))
        error = ((one.var() + other.var()) / num).sqrt()
        assert abs(one.mean() - other.mean()) < 4 * error


@pytest.mark.parametrize('size', ((64, 64), (30, 110)))
def test_a_range_of_areas_without_a_range_of_aspects(size):
    height, width = size
    low, high = 0.1, 0.3
    _, _, heights, widths = draw(4000, *size, area=(low, high))
    area = heights * widths / (height * width)
    # The height is rounded to the nearest integer.
    slack = widths / 2 / (height * width) + 1e-5
    assert (area > low - slack).all() and (area < high + slack).all()
    error = (high - low) / 12**0.5 / 4000**0.5
    assert abs(area.mean() - (low + high) / 2) < 4 * error
    assert abs(area.std() - (high - low) / 12**0.5) < 0.05 * (high - low)


def test_what_fits_nowhere_is_as_large_as_can_be():
    _, _, heights, widths = draw(200, 20, 20, area=1., aspect=(0.5, 2.))
    assert ((heights == 20) | (widths == 20)).all()
    _, _, heights, widths = draw(9, 20, 20, area=1e-6, aspect=(0.5, 2.))
    assert heights.eq(1).all() and widths.eq(1).all()


def test_cut_mix_pastes_such_boxes():
    torch.manual_seed(0)
    view = make_plain(500, 40, 60)
    index = torch.arange(500.).view(-1, 1, 1, 1)
    view = view.replace(view.image * index)
    out = CutMix(area=(0.02, 0.4), aspect=ASPECT)(view)
    pasted = (out.image != index)[:, 0].flatten(1).float().mean(1)
    assert pasted.min() > 0.01 and pasted.max() < 0.4 + 1e-6
    assert pasted.std() > 0.05


@pytest.mark.parametrize('mix', (CutMix, CutOut))
@pytest.mark.parametrize('area', ((0.4, 0.02), (0., 0.5), (0.1, 1.2),
                                  (0.1, 0.2, 0.3)))
def test_bad_range_of_areas(mix, area):
    with pytest.raises(ValueError, match=f'{mix.__name__}.area='):
        mix(area=area)


@pytest.mark.parametrize('mix', (CutMix, CutOut))
@pytest.mark.parametrize('aspect', (1., (0., 1.), (3., 0.3), (-1., 1.)))
def test_bad_range_of_aspects(mix, aspect):
    with pytest.raises(ValueError, match=f'{mix.__name__}.aspect='):
        mix(aspect=aspect)
