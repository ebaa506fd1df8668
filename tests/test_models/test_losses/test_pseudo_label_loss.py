# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch
import torch.nn.functional as F

from prcl_mmseg.models import PseudoLabelLoss


def test_closed_form():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 4)
    label = torch.randint(3, (2, 4, 4))
    label[0, :2] = 255
    confidence = torch.rand(2, 4, 4)
    loss = PseudoLabelLoss(threshold=0.5, loss_weight=2)(logits, label,
                                                         confidence)
    total = 0
    for image in range(2):
        valid = label[image] != 255
        weight = (confidence[image][valid] >= 0.5).float().mean()
        pixels = logits[image].permute(1, 2, 0)[valid]
        total += weight * F.cross_entropy(
            pixels, label[image][valid], reduction='sum')
    torch.testing.assert_close(loss, 2 * total / (label != 255).sum())


def test_no_pixel_is_dropped():
    """An unsure pixel of a mostly sure image still has a gradient."""
    logits = torch.zeros(1, 2, 1, 2, requires_grad=True)
    label = torch.zeros(1, 1, 2, dtype=torch.long)
    confidence = torch.tensor([[[0.99, 0.3]]])
    PseudoLabelLoss()(logits, label, confidence).backward()
    assert logits.grad[0, 0, 0].abs().min() > 0


def test_by_pixel_only_sure_pixels_count():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    label = torch.randint(3, (2, 4, 4))
    label[0, :2] = 255
    confidence = torch.rand(2, 4, 4)
    loss = PseudoLabelLoss(
        threshold=0.5, weighting='pixel')(logits, label, confidence)
    sure = (label != 255) & (confidence >= 0.5)
    pixels = logits.permute(0, 2, 3, 1)[sure]
    expected = F.cross_entropy(pixels, label[sure], reduction='sum')
    torch.testing.assert_close(loss, expected / (label != 255).sum())
    loss.backward()
    assert logits.grad.abs().sum(1)[~sure].eq(0).all()


def test_an_unknown_weighting_is_refused():
    with pytest.raises(ValueError, match="weighting='class'.*'pixel'"):
        PseudoLabelLoss(weighting='class')


@pytest.mark.parametrize('weighting', ['image', 'pixel'])
def test_without_valid_pixels_it_is_an_attached_zero(weighting):
    logits = torch.zeros(2, 2, 3, 3, requires_grad=True)
    label = torch.full((2, 3, 3), 255)
    loss = PseudoLabelLoss(weighting=weighting)(logits, label,
                                                torch.zeros(2, 3, 3))
    assert loss == 0
    loss.backward()
    assert logits.grad.eq(0).all()
