# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch
import torch.nn.functional as F

from prcl_mmseg.models import PseudoLabelLoss, View


def view_of(label: torch.Tensor, confidence: torch.Tensor) -> View:
    one = torch.ones(3, 1, 1)
    image = torch.zeros(len(label), 3, *label.shape[1:])
    return View(image, dict(label=label, confidence=confidence), one, one)


def test_closed_form():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 4)
    label = torch.randint(3, (2, 4, 4))
    label[0, :2] = 255
    confidence = torch.rand(2, 4, 4)
    loss = PseudoLabelLoss(
        threshold=0.5, loss_weight=2, weighting='image')(
            logits, view_of(label, confidence))
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
    view = view_of(label, confidence)
    PseudoLabelLoss(weighting='image')(logits, view).backward()
    assert logits.grad[0, 0, 0].abs().min() > 0


def test_by_pixel_only_sure_pixels_count():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    label = torch.randint(3, (2, 4, 4))
    label[0, :2] = 255
    confidence = torch.rand(2, 4, 4)
    loss = PseudoLabelLoss(threshold=0.5)(logits, view_of(label, confidence))
    sure = (label != 255) & (confidence >= 0.5)
    pixels = logits.permute(0, 2, 3, 1)[sure]
    expected = F.cross_entropy(pixels, label[sure], reduction='sum')
    torch.testing.assert_close(loss, expected / (label != 255).sum())
    loss.backward()
    assert logits.grad.abs().sum(1)[~sure].eq(0).all()


@pytest.mark.parametrize('threshold', [0.0, 0.5])
def test_by_confidence_doubt_counts_less(threshold):
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 4)
    label = torch.randint(3, (2, 4, 4))
    label[0, :2] = 255
    confidence = torch.rand(2, 4, 4)
    loss = PseudoLabelLoss(
        threshold, weighting='confidence')(logits, view_of(label, confidence))
    valid = label != 255
    pixels = F.cross_entropy(
        logits.permute(0, 2, 3, 1)[valid], label[valid], reduction='none')
    weight = confidence[valid] * (confidence[valid] >= threshold)
    torch.testing.assert_close(loss, (weight * pixels).sum() / valid.sum())


def test_pixels_are_sure_from_the_threshold_on():
    label = torch.zeros(1, 1, 3, dtype=torch.long)
    view = view_of(label, torch.tensor([[[0.94, 0.95, 0.96]]]))
    logits = torch.zeros(1, 2, 1, 3, requires_grad=True)
    # As FixMatch has it: 0.95, by pixel.
    PseudoLabelLoss()(logits, view).backward()
    assert logits.grad[0, 0, 0].ne(0).tolist() == [False, True, True]


@pytest.mark.parametrize('weighting', ['image', 'pixel'])
def test_an_adaptive_threshold_is_the_current_one(weighting):
    label = torch.tensor([[[0, 1, 1, 255]]])
    view = view_of(label, torch.tensor([[[0.5, 0.6, 0.8, 0.0]]]))
    logits = torch.randn(1, 2, 1, 4)
    loss = PseudoLabelLoss(
        dict(type='AdaptiveThreshold', initial=0.9, momentum=0.0),
        weighting=weighting)
    assert loss(logits, view) == 0 and loss.image_weight(view) == 0
    loss.threshold.update(view)
    # The mean of 0.5 and 0.8.
    fixed = PseudoLabelLoss(0.65, weighting=weighting)
    torch.testing.assert_close(loss(logits, view), fixed(logits, view))
    assert loss(logits, view) > 0
    torch.testing.assert_close(loss.image_weight(view), torch.tensor([1 / 3]))
    assert set(loss.state_dict()) == {'threshold.value'}


def test_the_share_of_sure_pixels_is_that_of_each_image():
    label = torch.tensor([[[0, 1, 1, 255]], [[255] * 4], [[1] * 4]])
    confidence = torch.tensor([[[0.5, 0.6, 0.8, 1.0]], [[1.0] * 4],
                               [[0.1, 0.6, 0.7, 0.8]]])
    share = PseudoLabelLoss(0.6).image_weight(view_of(label, confidence))
    torch.testing.assert_close(share, torch.tensor([2 / 3, 0, 3 / 4]))


def test_an_unknown_weighting_is_refused():
    with pytest.raises(ValueError, match="loss.weighting='class'.*'pixel'"):
        PseudoLabelLoss(weighting='class')


@pytest.mark.parametrize('weighting', ['image', 'pixel', 'confidence'])
def test_without_valid_pixels_it_is_an_attached_zero(weighting):
    logits = torch.zeros(2, 2, 3, 3, requires_grad=True)
    label = torch.full((2, 3, 3), 255)
    loss = PseudoLabelLoss(weighting=weighting)(
        logits, view_of(label, torch.zeros(2, 3, 3)))
    assert loss == 0
    loss.backward()
    assert logits.grad.eq(0).all()
