# Copyright (c) prcl_mmseg authors. All rights reserved.
import torch

from prcl_mmseg.evaluation import label_edges

X = 255
MASK = torch.tensor([
    [0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, X],
    [2, 0, 0, 0, 0, 0, X],
])
WIDTH_1 = torch.tensor([
    [0, 0, 0, 0, 0, 1, 1],
    [0, 0, 0, 0, 0, 1, 1],
    [0, 0, 0, 0, 0, 1, 1],
    [1, 1, 0, 0, 0, 1, 0],
    [1, 1, 0, 0, 0, 0, 0],
]).bool()


def test_hand_made_mask():
    assert label_edges(MASK, MASK != X, 1).equal(WIDTH_1)


def test_every_width_against_all_pairs():
    label = torch.randint(0, 3, (13, 17))
    label[label == 2] = X
    label[:, 9:] = 1
    valid = label != X
    y, x = torch.meshgrid(torch.arange(13), torch.arange(17), indexing='ij')
    place = torch.stack([y, x], dim=-1).flatten(0, 1)
    distance = (place[:, None] - place).abs().amax(-1)
    flat, known = label.flatten(), valid.flatten()
    differs = (flat[:, None] != flat) & known[:, None] & known
    for width in (1, 2, 4):
        expected = (differs & (distance <= width)).any(1).view(13, 17)
        assert label_edges(label, valid, width).equal(expected), width


def test_one_class_has_no_edge():
    label = torch.full((6, 6), 3)
    label[2] = X
    assert not label_edges(label, label != X, 2).any()
    assert not label_edges(label, label > 9, 2).any()
