# Copyright (c) prcl_mmseg authors. All rights reserved.
from dataclasses import replace

import pytest
import torch
from mmseg.registry import MODELS

from prcl_mmseg.models import View

FIELDS = ('image', 'label', 'confidence', 'mean', 'std')
# Maps beside label and confidence, with what they are where there is nothing.
PADDING = dict(
    copy=255, soft=0, pair=255, byte=255, even=False, weight=0)
MOVING = (
    dict(type='RandomScaleCrop'),
    dict(type='RandomFlip'),
    dict(type='RandomFlip', direction='vertical'),
    dict(type='ClassMix'),
    dict(type='CutMix'),
    dict(type='CutMix', area=(0.02, 0.4), aspect=(0.3, 1 / 0.3)),
    dict(type='CutOut'),
    dict(type='CutOut', area=(0.02, 0.4), aspect=(0.3, 1 / 0.3)),
)


def extra_maps(label: torch.Tensor, place: torch.Tensor) -> dict:
    """Maps of several kinds that tell the label and the place of a pixel."""
    padded = label == 255
    number = (label + 1).where(~padded, 0)
    return dict(
        copy=label,
        # 4-D, of floats; a place fits into fp32, and none is 0.
        soft=torch.stack([number / 256, place, -place], 1).float(),
        # 4-D, of other integers.
        pair=torch.stack([label, label], 1).int(),
        byte=label.to(torch.uint8),
        even=(label % 2 == 0) & ~padded,
        weight=(number / 256).half())


def make_marked(num: int = 4, height: int = 33, width: int = 47) -> View:
    """Labels of 6 classes, none of them missing, and maps made of them."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(
        torch.arange(height), torch.arange(width), indexing='ij')
    place = 1 + torch.arange(num * height * width).view(num, height, width)
    offset = torch.randint(99, (num, 1, 1), generator=generator)
    label = (x // 5 + y // 4 + offset) % 6
    image = torch.stack([x, y, place[0]]).float().expand(num, -1, -1, -1)
    one = torch.ones(3, 1, 1)
    return View(
        image.clone(),
        dict(
            label=label,
            confidence=0.1 + label / 10,
            **extra_maps(label, place)), 0 * one, one)


def assert_aligned(view: View, out: View) -> None:
    """Every map of ``out`` shows the pixel that its label shows."""
    inside = out.label != 255
    place = out.maps['soft'][:, 1].long()
    assert inside.equal(place > 0)
    source = view.label.flatten()[(place - 1).clamp(min=0)]
    assert out.label.equal(source.where(inside, 255))
    torch.testing.assert_close(out.confidence,
                               (0.1 + source / 10).where(inside, 0.0))
    expected = extra_maps(out.label, place)
    for name, value in expected.items():
        assert out.maps[name].dtype == view.maps[name].dtype == value.dtype
        assert out.maps[name].shape == view.maps[name].shape
        assert out.maps[name].equal(value), name


def changed(view: View, out: View) -> torch.Tensor:
    """Which pixels come from elsewhere, (N, H, W)."""
    return out.maps['soft'][:, 1] != view.maps['soft'][:, 1]


def test_what_marks_the_pixels_is_itself_aligned():
    view = make_marked()
    view.check()
    assert_aligned(view, view)
    moved = view.replace(byte=view.maps['byte'].roll(1, -1))
    with pytest.raises(AssertionError, match='byte'):
        assert_aligned(view, moved)


@pytest.mark.parametrize('transform', MOVING)
@pytest.mark.parametrize('seed', range(3))
def test_all_maps_move_with_the_label(transform, seed):
    torch.manual_seed(seed)
    view = make_marked()
    out = MODELS.build(transform)(view)
    assert set(out.maps) == set(view.maps)
    assert_aligned(view, out)
    assert 0.02 < changed(view, out).float().mean() < 1
    if transform['type'] in ('CutOut', 'RandomScaleCrop'):
        assert (out.label == 255).any()
    else:
        assert (out.label != 255).all()


def test_all_in_a_row_stay_aligned():
    torch.manual_seed(0)
    view = make_marked()
    out = MODELS.build(dict(type='StrongAugment', transforms=MOVING))(view)
    assert_aligned(view, out)
    before = make_marked()
    assert view.image.equal(before.image)
    for name, value in before.maps.items():
        assert view.maps[name].equal(value)


@pytest.mark.parametrize('name', ('ColorJitter', 'RandomGray', 'GaussianBlur'))
def test_colours_leave_all_maps_alone(name):
    view = make_marked()
    out = MODELS.build(dict(type=name, prob=1.))(view)
    assert not out.image.equal(view.image)
    for key, value in view.maps.items():
        assert out.maps[key].equal(value)
        assert out.maps[key].dtype == value.dtype


def test_erased_pixels_are_padding_in_all_maps():
    view = make_marked()
    mask = torch.rand(view.label.shape) < 0.3
    out = view.erase(mask)
    assert_aligned(view, out)
    assert (out.label == 255).equal(mask)
    assert out.image.eq(0).all(1).equal(mask | view.image.eq(0).all(1))
    for name, padding in dict(PADDING, label=255, confidence=0).items():
        value = out.maps[name].movedim(-3, -1) if \
            out.maps[name].ndim == 4 else out.maps[name]
        assert value[mask].eq(padding).all(), name
        assert (out.maps[name] == view.maps[name]).float().mean() > 0.6


def test_only_the_chosen_images_are_flipped():
    view = make_marked()
    chosen = torch.tensor([True, False, False, True])
    for dim in (-1, -2):
        out = view.flip(chosen, dim)
        assert_aligned(view, out)
        for name, value in dict(view.maps, image=view.image).items():
            flipped = out.image if name == 'image' else out.maps[name]
            assert flipped[chosen].equal(value[chosen].flip(dim))
            assert flipped[~chosen].equal(value[~chosen])


def test_pasted_pixels_come_from_the_image_before():
    view = make_marked()
    mask = torch.rand(view.label.shape) < 0.5
    chosen = torch.tensor([True, True, False, True])
    out = view.paste_over_next(mask, chosen)
    assert_aligned(view, out)
    for index in range(4):
        pasted = mask[index - 1] & chosen[index]
        for name in ('soft', 'copy', 'even'):
            expected = torch.where(pasted, view.maps[name][index - 1],
                                   view.maps[name][index])
            assert out.maps[name][index].equal(expected)
        assert out.image[index].equal(
            torch.where(pasted, view.image[index - 1], view.image[index]))


def test_maps_take_the_nearest_pixel_and_images_mix():
    """The grid of a shift by 2.3 columns to the left."""
    view = make_marked(num=1)
    height, width = view.label.shape[1:]
    x = (2 * torch.arange(width) + 1 + 2 * 2.3) / width - 1
    y = (2 * torch.arange(height) + 1) / height - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing='xy'), -1)[None]
    out = view.warp(grid)
    assert_aligned(view, out)
    kept = width - 3
    assert out.label[..., :kept].equal(view.label[..., 2:width - 1])
    torch.testing.assert_close(
        out.image[:, 0, :, :kept],
        view.image[:, 0, :, :kept] + 2.3,
        rtol=0,
        atol=1e-3)
    # The centre of the last column but two lies beyond the border.
    assert out.label[..., -2:].eq(255).all()
    assert out.image[..., -2:].eq(0).all()


def test_replace_keeps_the_original(view):
    label = torch.zeros_like(view.label)
    other = view.replace(label=label)
    assert other.label is label and other.image is view.image
    assert view.label is not label


def test_replace_adds_maps_and_shares_the_rest(view):
    image, depth = view.image + 1, view.confidence * 2
    other = view.replace(image, depth=depth)
    assert other.image is image and other.maps['depth'] is depth
    assert set(view.maps) == {'label', 'confidence'}
    for name in FIELDS[1:]:
        assert getattr(other, name) is getattr(view, name)


def test_length_and_labelled_pixels(make_view):
    view = make_view(num=3)
    assert len(view) == 3
    assert view.labeled.equal(view.label < 255)
    assert view.labeled.any() and not view.labeled.all()


@pytest.mark.parametrize('channels', (1, 3, 5))
def test_check_accepts_any_channel_count(make_view, channels):
    view = make_view(channels=channels)
    view.check()
    replace(view, mean=view.mean[:1], std=view.std[:1]).check()


def change_field(view: View, field: str, change) -> View:
    if field in ('mean', 'std'):
        return replace(view, **{field: change(getattr(view, field))})
    return view.replace(**{field: change(getattr(view, field))})


@pytest.mark.parametrize(('field', 'change'), (
    ('image', lambda x: x[0]),
    ('image', lambda x: x.to(torch.uint8)),
    ('label', lambda x: x[:, None]),
    ('label', lambda x: x.float()),
    ('label', lambda x: x.int()),
    ('confidence', lambda x: x[..., 1:]),
    ('confidence', lambda x: x.long()),
    ('confidence', lambda x: x[:, None]),
    ('mean', lambda x: x.flatten()),
    ('std', lambda x: x[:2]),
))
def test_check_names_the_bad_field(view, field, change):
    bad = change_field(view, field, change)
    where = rf"maps\['{field}'\]" if field in view.maps else field
    with pytest.raises(ValueError, match=rf'View\.{where} '):
        bad.check()


@pytest.mark.parametrize('change', (
    lambda x: x[0],
    lambda x: x[:2],
    lambda x: x[:, :-1],
    lambda x: x[..., 1:],
    lambda x: x[:, None, None],
    lambda x: x[:, None].movedim(1, -1),
    lambda x: x.sum(),
))
def test_check_names_a_bad_map(view, change):
    view.replace(depth=view.confidence).check()
    view.replace(depth=view.confidence[:, None].expand(-1, 5, -1, -1)).check()
    bad = view.replace(depth=change(view.confidence))
    with pytest.raises(ValueError, match=r"View\.maps\['depth'\] must have"):
        bad.check()


@pytest.mark.parametrize('field', ('mean', 'label', 'depth'))
def test_check_names_what_is_on_another_device(view, field):
    view = view.replace(depth=view.confidence[:, None])
    if field == 'depth':
        bad = view.replace(depth=view.maps['depth'].to('meta'))
    else:
        bad = change_field(view, field, lambda x: x.to('meta'))
    with pytest.raises(ValueError, match=f"'{field}' is on meta.*on cpu"):
        bad.check()
