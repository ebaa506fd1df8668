# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch

from prcl_mmseg.models import View, image_slices, pick_images


def view(num: int) -> View:
    return View(torch.zeros(num, 3, 2, 2), {}, torch.zeros(1), torch.ones(1))


def test_where_the_images_of_views_are():
    slices = image_slices(dict(labeled=view(2), strong=view(3), weak=view(1)))
    assert slices == dict(
        labeled=slice(0, 2), strong=slice(2, 5), weak=slice(5, 6))


@pytest.mark.parametrize('images, expected', [
    ([slice(None)], [0, 1, 2, 3, 4, 5]),
    ([slice(0, 2), slice(2, 4)], [0, 1, 2, 3]),
    ([slice(0, 2), slice(4, 6)], [0, 1, 4, 5]),
    ([slice(4, 6), slice(0, 2), slice(2, 3)], [4, 5, 0, 1, 2]),
])
def test_images_are_picked_in_order(images, expected):
    batch = torch.arange(6.)[:, None].requires_grad_()
    picked = pick_images(batch, images)
    assert picked[:, 0].tolist() == expected
    picked.sum().backward()
    assert batch.grad[:, 0].nonzero()[:, 0].tolist() == sorted(expected)


def test_neighbours_are_not_copied():
    batch = torch.zeros(6, 2)
    assert pick_images(batch, [slice(0, 2), slice(2, 4)])._base is batch
