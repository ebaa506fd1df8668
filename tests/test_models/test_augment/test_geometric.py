# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch

from prcl_mmseg.models import View
from prcl_mmseg.models.augment import RandomFlip, RandomScaleCrop


def make_ramp(num=8, height=33, width=47):
    """An image that holds its own pixel coordinates: channels x and y."""
    y, x = torch.meshgrid(
        torch.arange(height), torch.arange(width), indexing='ij')
    ramp = torch.stack((x, y)).float().expand(num, -1, -1, -1)
    label = ((x + 7 * y) % 200).expand(num, -1, -1)
    # Confidence 0 is kept for padding.
    confidence = (1 + x + y).float().div(1 + width + height)
    one = torch.ones(2, 1, 1)
    maps = dict(
        label=label.contiguous(),
        confidence=confidence.expand(num, -1, -1).contiguous())
    return View(ramp.contiguous(), maps, 0 * one, one)


def assert_aligned(view, out):
    """Labels and confidences come from the pixel that the image shows."""
    height, width = view.label.shape[-2:]
    inside = out.label != 255
    x, y = out.image[:, 0][inside], out.image[:, 1][inside]
    assert x.min() >= 0 and x.max() <= width - 1
    assert y.min() >= 0 and y.max() <= height - 1
    clear = ((x % 1 - 0.5).abs() > 1e-3) & ((y % 1 - 0.5).abs() > 1e-3)
    assert clear.any()
    column, row = x[clear].round().long(), y[clear].round().long()
    for name in ('label', 'confidence'):
        torch.testing.assert_close(
            getattr(out, name)[inside][clear],
            getattr(view, name)[0, row, column],
            rtol=0,
            atol=0)


@pytest.mark.parametrize('size', ((33, 47), (180, 240), (1, 9)))
def test_scale_one_is_identity(make_view, size):
    view = make_view(2, 3, *size)
    out = RandomScaleCrop(scale=(1., 1.))(view)
    # Positions are float32: on white noise, up to 0.02 of an 8-bit step.
    torch.testing.assert_close(out.image, view.image, rtol=0, atol=3e-4)
    assert torch.equal(out.label, view.label)
    assert torch.equal(out.confidence, view.confidence)


@pytest.mark.parametrize('scale', ((0.5, 1.5), (0.5, 0.5), (2., 2.)))
def test_scaled_maps_stay_aligned(scale):
    torch.manual_seed(0)
    view = make_ramp()
    out = RandomScaleCrop(scale=scale)(view)
    assert_aligned(view, out)


@pytest.mark.parametrize('factor', (0.5, 0.8, 1.25, 1.5))
def test_factor_holds_on_both_axes(factor):
    torch.manual_seed(0)
    view = make_ramp()
    height, width = view.label.shape[-2:]
    out = RandomScaleCrop(scale=(factor, factor))(view)
    inside = out.label != 255
    for channel, axis, size in ((0, -1, width), (1, -2, height)):
        step = out.image[:, channel].diff(dim=axis)
        both = inside.narrow(axis, 1, size - 1) & inside.narrow(
            axis, 0, size - 1)
        # The ramp is flat where positions beyond the last centre are clamped.
        position = out.image[:, channel].narrow(axis, 1, size - 1)
        before = out.image[:, channel].narrow(axis, 0, size - 1)
        free = both & (before > 0) & (position < size - 1)
        torch.testing.assert_close(
            step[free],
            torch.full_like(step[free], 1 / factor),
            rtol=0,
            atol=1e-4)
    rows, columns = inside.any(2).sum(1), inside.any(1).sum(1)
    assert (rows - min(1, factor) * height).abs().max() <= 1
    assert (columns - min(1, factor) * width).abs().max() <= 1
    assert torch.equal(inside.flatten(1).sum(1), rows * columns)


@pytest.mark.parametrize('factor', (0.5, 1.5))
def test_every_place_is_reached(factor):
    torch.manual_seed(0)
    view = make_ramp(num=200)
    out = RandomScaleCrop(scale=(factor, factor))(view)
    height, width = view.label.shape[-2:]
    inside = out.label != 255
    if factor < 1:
        start = inside.any(1).float().argmax(1)
        room = width * (1 - factor)
    else:
        start = out.image[:, 0, 0, 0]
        room = width * (1 - 1 / factor)
    assert start.min() < 0.05 * room + 1 and start.max() > 0.95 * room - 1
    assert abs(start.float().mean() - room / 2) < 0.1 * room + 1


def test_uncovered_area_is_padding(view):
    out = RandomScaleCrop(scale=(0.5, 0.5))(
        view.replace(
            image=view.image.abs() + 1,
            label=view.label.clamp(max=5),
            confidence=view.confidence.clamp(min=0.1)))
    outside = out.label == 255
    assert 0.7 < outside.float().mean() < 0.8
    assert torch.equal(outside, (out.image == 0).all(1))
    assert torch.equal(outside, out.confidence == 0)
    # No mean colour bleeds into the pixels that have a label.
    assert out.image.movedim(1, -1)[~outside].min() > 1 - 1e-5


def test_scales_differ_within_a_batch():
    torch.manual_seed(0)
    out = RandomScaleCrop(scale=(0.5, 0.99))(make_ramp())
    areas = (out.label != 255).flatten(1).sum(1)
    assert areas.unique().numel() > 4


@pytest.mark.parametrize(('direction', 'dim'),
                         (('horizontal', -1), ('vertical', -2)))
def test_flip_mirrors_all_maps(view, direction, dim):
    out = RandomFlip(prob=1., direction=direction)(view)
    for name in ('image', 'label', 'confidence'):
        assert torch.equal(getattr(out, name), getattr(view, name).flip(dim))


def test_flip_decides_per_image():
    torch.manual_seed(0)
    view = make_ramp(num=200)
    out = RandomFlip(prob=0.25)(view)
    assert_aligned(view, out)
    flipped = out.image[:, 0, 0, 0] != 0
    assert 0.1 < flipped.float().mean() < 0.4
    same = RandomFlip(prob=0.)(view)
    assert torch.equal(same.image, view.image)


@pytest.mark.parametrize('scale', ((1.5, 0.5), (0., 1.), 1., (1., ),
                                   (float('nan'), 1.)))
def test_bad_scale(scale):
    with pytest.raises(ValueError, match='RandomScaleCrop.scale='):
        RandomScaleCrop(scale=scale)


def test_bad_flip():
    with pytest.raises(ValueError, match='RandomFlip.prob=1.5'):
        RandomFlip(prob=1.5)
    with pytest.raises(ValueError, match="RandomFlip.direction='diagonal'"):
        RandomFlip(direction='diagonal')
