# Copyright (c) prcl_mmseg authors. All rights reserved.
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.transforms import functional as TF

from prcl_mmseg.models.augment import ColorJitter, GaussianBlur, RandomGray

NEUTRAL = dict(
    brightness=(1., 1.), contrast=(1., 1.), saturation=(1., 1.), hue=(0., 0.))


def to_unit(view, image, max_value=255.):
    return (image * view.std + view.mean) / max_value


def jitter_unit(view, **ranges):
    """Jitter every image with fixed factors and return it in [0, 1]."""
    out = ColorJitter(prob=1., **{**NEUTRAL, **ranges})(view)
    return to_unit(view, out.image)


# Kornia's gray has the weight 0.299 for red, torchvision's has 0.2989.
@pytest.mark.parametrize(
    ('name', 'value', 'tolerance'),
    (('brightness', 0.75, 1e-5), ('brightness', 1.25, 1e-5),
     ('contrast', 0.75, 1e-4), ('contrast', 1.25, 1e-4),
     ('saturation', 0.75, 1e-4), ('saturation', 1.25, 1e-4),
     ('saturation', 0., 2e-4), ('hue', -0.25, 1e-4), ('hue', 0.1, 1e-4)))
def test_agrees_with_torchvision(view, name, value, tolerance):
    unit = to_unit(view, view.image)
    expected = getattr(TF, f'adjust_{name}')(unit, value)
    assert (expected - unit).abs().max() > 0.05
    actual = jitter_unit(view, **{name: (value, value)})
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)


def test_red_turns_green_by_a_third_of_the_circle(view):
    red = torch.zeros_like(view.image)
    red[:, 0] = 1
    view = view.replace(image=(red * 255 - view.mean) / view.std)
    turned = jitter_unit(view, hue=(1 / 3, 1 / 3))
    expected = torch.zeros_like(red)
    expected[:, 1] = 1
    torch.testing.assert_close(turned, expected, rtol=0, atol=1e-5)


def test_neutral_factors_are_identity(view):
    out = ColorJitter(prob=1., **NEUTRAL)(view)
    torch.testing.assert_close(out.image, view.image, rtol=0, atol=2e-5)


def test_factors_differ_within_a_batch(make_view):
    torch.manual_seed(0)
    view = make_view(num=50)
    dark = to_unit(view, view.image) * 0.5
    view = view.replace(image=(dark * 255 - view.mean) / view.std)
    out = jitter_unit(view, brightness=(0.5, 1.5))
    factor = out.flatten(1).sum(1) / dark.flatten(1).sum(1)
    torch.testing.assert_close(
        out, dark * factor.view(-1, 1, 1, 1), rtol=0, atol=1e-5)
    assert 0.49 < factor.min() < 0.7 and 1.3 < factor.max() < 1.51


def test_order_is_random(view):
    strong = dict(
        brightness=(1.5, 1.5),
        contrast=(0.5, 0.5),
        saturation=(2., 2.),
        hue=(0.2, 0.2))
    results = []
    for seed in range(8):
        torch.manual_seed(seed)
        results.append(jitter_unit(view, **strong))
    assert any(not torch.allclose(results[0], other, atol=1e-2)
               for other in results[1:])


def test_max_value_scales_with_the_bit_depth(view):
    deep = replace(view, mean=view.mean * 257, std=view.std * 257)
    torch.manual_seed(0)
    expected = ColorJitter(prob=1.)(view)
    torch.manual_seed(0)
    actual = ColorJitter(prob=1., max_value=65535.)(deep)
    torch.testing.assert_close(actual.image, expected.image, rtol=0, atol=1e-4)
    assert to_unit(view, expected.image).max() > 0.5


@pytest.mark.parametrize('transform', (ColorJitter, RandomGray))
@pytest.mark.parametrize('channels', (1, 2, 5))
def test_colours_of_other_channel_counts_are_left(make_view, transform,
                                                  channels):
    view = make_view(channels=channels)
    assert torch.equal(transform(prob=1.)(view).image, view.image)


def test_gray_is_the_weighted_sum_in_raw_units(view):
    red, green, blue = (view.image * view.std + view.mean).unbind(1)
    expected = 0.299 * red + 0.587 * green + 0.114 * blue
    out = RandomGray(prob=1.)(view)
    for channel in (out.image * view.std + view.mean).unbind(1):
        torch.testing.assert_close(channel, expected, rtol=0, atol=1e-3)
    assert (red - expected).abs().max() > 50


@pytest.mark.parametrize('transform', (ColorJitter, RandomGray, GaussianBlur))
def test_unchosen_images_are_untouched(make_view, transform):
    torch.manual_seed(0)
    view = make_view(200, height=16, width=16)
    # Values beyond the 8-bit range show whether anything was clipped.
    view = view.replace(image=view.image * 3)
    out = transform(prob=0.25)(view)
    changed = (out.image != view.image).flatten(1).any(1)
    assert 0.1 < changed.float().mean() < 0.4
    assert torch.equal(transform(prob=0.)(view).image, view.image)
    assert torch.equal(out.label, view.label)
    assert torch.equal(out.confidence, view.confidence)


@pytest.mark.parametrize('channels', (1, 3, 5))
@pytest.mark.parametrize('sigma', (0.15, 0.7, 1.15))
def test_blur_is_a_gaussian(make_view, channels, sigma):
    view = make_view(1, channels)
    out = GaussianBlur(prob=1., sigma=(sigma, sigma))(view)
    radius = int(np.ceil(3 * sigma))
    taps = np.exp(-np.arange(-radius, radius + 1)**2 / (2 * sigma**2))
    taps /= taps.sum()
    raw = (view.image * view.std + view.mean)[0].double().numpy()
    for axis in (1, 2):
        pad = [(0, 0)] * 3
        pad[axis] = (radius, radius)
        raw = np.apply_along_axis(np.convolve, axis,
                                  np.pad(raw, pad, mode='edge'), taps, 'valid')
    actual = (out.image * view.std + view.mean)[0].double().numpy()
    np.testing.assert_allclose(actual, raw, rtol=0, atol=1e-3)


def test_kernel_covers_three_sigma():
    for largest in (0.3, 1.15, 2.):
        blur = GaussianBlur(sigma=(0.1, largest))
        assert blur.kernel_size // 2 >= 3 * largest


def test_sigma_differs_within_a_batch(make_view):
    torch.manual_seed(0)
    view = make_view(50)
    impulse = torch.zeros_like(view.image)
    impulse[..., 16, 20] = 1
    out = GaussianBlur(prob=1.)(view.replace(image=impulse)).image
    distance = (torch.arange(47) - 20)**2
    sigma = (out[:, 0].sum(1) * distance).sum(1).sqrt()
    assert sigma.min() < 0.4 and 0.9 < sigma.max() < 1.2
    assert sigma.unique().numel() > 30


@pytest.mark.parametrize(
    ('transform', 'name', 'value'),
    ((ColorJitter, 'prob', 2.), (ColorJitter, 'brightness', (-1., 1.)),
     (ColorJitter, 'contrast', (1.2, 0.8)), (ColorJitter, 'saturation', 0.5),
     (ColorJitter, 'hue', (-0.7, 0.7)), (ColorJitter, 'max_value', 0.),
     (RandomGray, 'prob', 1.1),
     (GaussianBlur, 'prob', -1.), (GaussianBlur, 'sigma', (0., 1.)),
     (GaussianBlur, 'sigma', (2., 1.))))
def test_bad_photometric_setting(transform, name, value):
    with pytest.raises(ValueError, match=f'{transform.__name__}.{name}='):
        transform(**{name: value})
