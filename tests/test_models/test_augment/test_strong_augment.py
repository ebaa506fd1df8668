# Copyright (c) prcl_mmseg authors. All rights reserved.
import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from torch._subclasses.fake_tensor import FakeTensorMode

from prcl_mmseg.models import View

TRANSFORMS = ('RandomScaleCrop', 'RandomFlip', 'ClassMix', 'CutMix', 'CutOut',
              'ColorJitter', 'RandomGray', 'GaussianBlur')
FIELDS = ('image', 'label', 'confidence')


def build(*types):
    return MODELS.build(
        dict(
            type='StrongAugment',
            transforms=[dict(type=name) for name in types]))


def run(augment, view, seed=0):
    torch.manual_seed(seed)
    return augment(view)


def assert_same(actual, expected, **tolerance):
    for name in FIELDS:
        torch.testing.assert_close(
            getattr(actual, name), getattr(expected, name), **tolerance)


def clone(view, copy=torch.clone):
    return View(
        copy(view.image),
        {name: copy(value)
         for name, value in view.maps.items()}, copy(view.mean),
        copy(view.std))


def differs(first, second):
    return any(not torch.equal(getattr(first, name), getattr(second, name))
               for name in FIELDS)


def test_no_transform_is_identity(view):
    assert_same(build()(view), view, rtol=0, atol=0)
    assert_same(
        MODELS.build(dict(type='StrongAugment'))(view), view, rtol=0, atol=0)


def test_transforms_run_in_order(view):
    # Erased before the flip, the box is mirrored with the image.
    first = run(build('CutOut'), view).image.eq(0).all(1)
    transforms = [
        dict(type='CutOut'),
        dict(type='RandomFlip', prob=1.),
        dict(type='CutOut', area=1.),
    ]
    augment = MODELS.build(
        dict(type='StrongAugment', transforms=transforms[:2]))
    second = run(augment, view).image.eq(0).all(1)
    assert torch.equal(second, first.flip(-1))
    augment = MODELS.build(dict(type='StrongAugment', transforms=transforms))
    assert run(augment, view).label.eq(255).all()


def test_bad_shapes_are_reported_before_any_transform(view):
    with pytest.raises(ValueError, match=r"View.maps\['label'\]"):
        build('RandomScaleCrop')(view.replace(label=view.label[:1]))


@pytest.mark.parametrize('num', (1, 2, 5))
@pytest.mark.parametrize('channels', (1, 3, 5))
@pytest.mark.parametrize('size', ((33, 47), (3, 2), (16, 16)))
def test_any_batch_keeps_its_shape_and_stays_valid(make_view, num, channels,
                                                   size):
    view = make_view(num, channels, *size)
    out = run(build(*TRANSFORMS), view)
    for name in FIELDS:
        assert getattr(out, name).shape == getattr(view, name).shape
        assert getattr(out, name).dtype == getattr(view, name).dtype
    assert out.image.isfinite().all()
    assert out.confidence.ge(0).all() and out.confidence.le(1).all()
    known = torch.cat((view.label.flatten(), torch.tensor([255])))
    assert torch.isin(out.label, known).all()


@pytest.mark.parametrize('name', TRANSFORMS)
@pytest.mark.parametrize('seed', range(3))
def test_padding_never_gets_a_pseudo_label(view, name, seed):
    out = run(build(name), view, seed)
    assert torch.equal(out.label == 255, out.confidence == 0)


@pytest.mark.parametrize('name', TRANSFORMS)
def test_input_is_not_modified(view, name):
    before = clone(view)
    out = run(build(name), view)
    assert differs(out, view)
    assert_same(view, before, rtol=0, atol=0)
    assert torch.equal(view.mean, before.mean)
    assert torch.equal(view.std, before.std)


@pytest.mark.parametrize('name', TRANSFORMS)
def test_seed_reproduces(view, name):
    augment = build(name)
    assert_same(run(augment, view), run(augment, view), rtol=0, atol=0)
    assert any(
        differs(run(augment, view), run(augment, view, seed))
        for seed in range(1, 4))


@pytest.mark.parametrize('name', TRANSFORMS)
def test_images_are_not_quantised(make_view, name):
    out = run(build(name), make_view(num=2, height=61, width=61))
    for channel in out.image.movedim(1, 0):
        raw = channel[:, :30, :30] * 57 + 113
        assert raw.unique().numel() > 256
        assert (raw - raw.round()).abs().max() > 0.1


@pytest.mark.parametrize('name', TRANSFORMS)
def test_autocast_changes_nothing(view, name):
    augment = build(name)
    expected = run(augment, view)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        actual = run(augment, view)
    assert_same(actual, expected, rtol=0, atol=0)


def test_half_precision_is_only_a_storage_format(view):
    half = view.replace(
        image=view.image.half(), confidence=view.confidence.half())
    out = run(build(*TRANSFORMS), half)
    assert out.image.dtype == out.confidence.dtype == torch.float16
    full = run(
        build(*TRANSFORMS),
        half.replace(
            image=half.image.float(), confidence=half.confidence.float()))
    assert torch.equal(out.image, full.image.half())
    assert torch.equal(out.label, full.label)


@pytest.mark.parametrize('name', TRANSFORMS)
def test_no_graph_is_kept(view, name):
    image = view.image.clone().requires_grad_()
    assert not run(build(name), view.replace(image=image)).image.requires_grad


@pytest.mark.parametrize('settings', (
    *(dict(type=name) for name in TRANSFORMS),
    dict(type='CutMix', area=(0.02, 0.4), aspect=(0.3, 1 / 0.3)),
))
def test_host_never_reads_a_pixel(make_view, monkeypatch, settings):
    # Fake tensors hold no data, so that reading one on the host raises. The
    # order of the colour operations is drawn on the host and stays real.
    monkeypatch.setattr(torch, 'randperm', np.arange)
    mode = FakeTensorMode()
    real = make_view()
    view = clone(real, mode.from_tensor)
    augment = MODELS.build(dict(type='StrongAugment', transforms=[settings]))
    with mode:
        with pytest.raises(Exception, match='aten._local_scalar_dense'):
            view.label.max().item()
        assert augment(view).image.shape == real.image.shape


def test_named_transforms_can_be_switched_off():
    augment = MODELS.build(
        dict(
            type='StrongAugment',
            transforms=dict(
                mix=dict(type='CutMix'),
                blur=None,
                flip=dict(type='RandomFlip', prob=1.0))))
    assert [type(transform).__name__ for transform in augment.transforms
            ] == ['CutMix', 'RandomFlip']
