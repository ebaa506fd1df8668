# Copyright (c) prcl_mmseg authors. All rights reserved.
import numpy as np
import pytest

from prcl_mmseg.visualization.overlay import paint_overlay

PALETTE = [[0, 0, 200], [200, 0, 0]]


def test_colours_and_borders():
    image = np.full((40, 60, 3), 100, np.uint8)
    label = np.zeros((40, 60), int)
    label[:, 30:] = 1
    painted = paint_overlay(image, label, ['é', 'ü'], PALETTE)
    assert painted[5, 5].tolist() == [50, 50, 150]
    assert painted[5, 50].tolist() == [150, 50, 50]
    assert (painted[:, 29] == 255).all() and painted[:, 28].max() < 255


@pytest.mark.parametrize('side, named', [(120, True), (24, False)])
def test_names_only_where_they_fit(side, named):
    """A name on the large region, none on an object it would hide."""
    image = np.zeros((200, 300, 3), np.uint8)
    label = np.zeros((200, 300), int)
    label[40:40 + side, 150:150 + side] = 1
    plain = paint_overlay(image, label, ['é', 'é'], PALETTE)
    painted = paint_overlay(image, label, ['é', 'bicycle'], PALETTE)
    changed = (painted != plain).any(axis=2)
    assert changed.any() == named
    assert not changed[label == 0].any()
    names = paint_overlay(image, label, ['ground', 'é'], PALETTE) != plain
    assert names.any() and not names[label == 1].any()
