# Copyright (c) prcl_mmseg authors. All rights reserved.
"""mmseg's cross entropy of masks with ignored pixels, against PyTorch's."""
import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

import prcl_mmseg  # noqa: F401

WEIGHTS = [0.5, 2.0, 1.0]


@pytest.mark.parametrize('avg_non_ignore', [False, True])
@pytest.mark.parametrize('ignored', [False, True])
def test_ignored_pixels_have_no_weight(ignored, avg_non_ignore):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 8, 9, generator=generator)
    label = torch.randint(0, 3, (2, 8, 9), generator=generator)
    if ignored:
        label[:, :3] = 255
    loss = MODELS.build(dict(
        type='CrossEntropyLoss', class_weight=WEIGHTS,
        avg_non_ignore=avg_non_ignore))
    expected = F.cross_entropy(logits, label, torch.tensor(WEIGHTS),
                               ignore_index=255)
    assert torch.allclose(loss(logits, label, ignore_index=255), expected)


def test_without_a_labelled_pixel_it_is_zero():
    loss = MODELS.build(dict(type='CrossEntropyLoss', class_weight=WEIGHTS))
    label = torch.full((1, 4, 4), 255)
    assert loss(torch.randn(1, 3, 4, 4), label, ignore_index=255) == 0


@pytest.mark.parametrize('avg_non_ignore', [False, True])
@pytest.mark.parametrize('class_weight', [None, [3.0]])
def test_of_one_channel_without_a_labelled_pixel_it_is_zero(
        class_weight, avg_non_ignore):
    loss = MODELS.build(dict(
        type='CrossEntropyLoss', use_sigmoid=True, class_weight=class_weight,
        avg_non_ignore=avg_non_ignore))
    logits = torch.randn(1, 1, 4, 4, requires_grad=True)
    label = torch.full((1, 4, 4), 255)
    value = loss(logits, label, ignore_index=255)
    value.backward()
    assert value == 0 and not logits.grad.any()
    label[0, 0, 0] = 1
    weight = torch.tensor(class_weight or [1.0])
    expected = F.binary_cross_entropy_with_logits(
        logits[0, 0, 0, 0], torch.ones(()), pos_weight=weight[0])
    pixels = 1 if avg_non_ignore else label.numel()
    assert torch.allclose(loss(logits, label, ignore_index=255),
                          expected / pixels)
