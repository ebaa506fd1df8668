# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch

from prcl_mmseg.models import View
from prcl_mmseg.models.augment import ClassMix, CutMix, CutOut

MIXES = (ClassMix, CutMix)


def make_plain(label):
    """An empty image for each (N, H, W) label."""
    one = torch.ones(3, 1, 1)
    maps = dict(label=label, confidence=(label != 255).float())
    return View(
        torch.zeros(len(label), 3, *label.shape[1:]), maps, one, one)


def tag(view):
    """Write the image index, label and position into the image channels."""
    num, height, width = view.label.shape
    index = torch.arange(num).view(-1, 1, 1).expand_as(view.label)
    position = torch.arange(height * width).view(height, width)
    image = torch.stack((index, view.label, position.expand_as(index)), 1)
    return view.replace(image=image.float())


@pytest.mark.parametrize('mix', MIXES)
@pytest.mark.parametrize('seed', range(3))
def test_pixels_move_whole_and_in_place(view, mix, seed):
    torch.manual_seed(seed)
    view = tag(view)
    out = mix()(view)
    assert torch.equal(out.image[:, 1].long(), out.label)
    assert torch.equal(out.image[:, 2], view.image[:, 2])
    for i in range(len(out.label)):
        before = (i - 1) % len(out.label)
        source = out.image[i, 0]
        assert set(source.unique().tolist()) == {before, i}
        expected = torch.where(source == before, view.confidence[before],
                               view.confidence[i])
        assert torch.equal(out.confidence[i], expected)


@pytest.mark.parametrize('seed', range(5))
def test_class_mix_pastes_half_of_the_classes(make_view, seed):
    torch.manual_seed(seed)
    view = tag(make_view(num_classes=2 + seed))
    out = ClassMix()(view)
    for i in range(len(out.label)):
        before = (i - 1) % len(out.label)
        source = view.label[before]
        pasted = out.image[i, 0] == before
        classes = source[pasted].unique().tolist()
        assert 255 not in classes
        present = set(source.unique().tolist()) - {255}
        assert len(classes) == len(present) // 2
        assert torch.equal(pasted, torch.isin(source, torch.tensor(classes)))


def test_class_mix_chooses_each_class_equally_often():
    label = torch.tensor([0, 3, 254, 255]).view(1, 2, 2).expand(600, 2, 2)
    torch.manual_seed(0)
    view = make_plain(label.clone())
    out = ClassMix()(tag(view))
    index = torch.arange(600).view(-1, 1, 1)
    share = (out.image[:, 0] != index).float().mean(0).flatten()
    assert share[3] == 0
    assert (share[:3] - 1 / 3).abs().max() < 0.07


@pytest.mark.parametrize('value', (0, 7, 255))
def test_class_mix_without_a_second_class_pastes_nothing(value):
    label = torch.full((3, 5, 4), value)
    view = tag(make_plain(label))
    out = ClassMix()(view)
    assert torch.equal(out.image, view.image)


@pytest.mark.parametrize('size', ((33, 47), (40, 40), (5, 64)))
@pytest.mark.parametrize('area', (0.1, 0.5, 1.))
def test_cut_mix_box(make_view, size, area):
    torch.manual_seed(0)
    height, width = size
    view = tag(make_view(60, 3, height, width))
    out = CutMix(area=area)(view)
    boxes = out.image[:, 0] != torch.arange(60).view(-1, 1, 1)
    assert_boxes(boxes, area)


def assert_boxes(boxes, area):
    num, height, width = boxes.shape
    heights, widths = boxes.any(2).sum(1), boxes.any(1).sum(1)
    pixels = boxes.flatten(1).sum(1)
    assert torch.equal(pixels, heights * widths)
    # The height is rounded to the nearest integer.
    assert ((pixels - area * height * width).abs() <= widths / 2 + 1e-3).all()
    for line, length in ((boxes.any(1), widths), (boxes.any(2), heights)):
        first = line.int().argmax(1)
        last = line.size(1) - 1 - line.flip(1).int().argmax(1)
        assert torch.equal(last - first + 1, length)
    if area < 1:
        assert widths.unique().numel() > 3
        assert boxes.flatten(1).unique(dim=0).size(0) > num // 2


def test_full_height_box_is_not_too_small(make_view):
    torch.manual_seed(0)
    view = make_view(50, height=40, width=7)
    out = CutOut(area=0.9)(view.replace(image=view.image.abs() + 1))
    # 6.3 columns of full height: six of them could not hold the area.
    assert (out.image == 0).all(1).any(1).sum(1).min() == 7


def test_cut_out_erases_the_box(make_view):
    torch.manual_seed(0)
    view = make_view(60)
    view = view.replace(
        image=view.image.abs() + 1,
        label=view.label.clamp(max=3),
        confidence=view.confidence + 0.1)
    out = CutOut(area=0.5)(view)
    boxes = out.label == 255
    assert_boxes(boxes, 0.5)
    assert torch.equal(boxes, out.confidence == 0)
    assert torch.equal(boxes, (out.image == 0).all(1))
    assert torch.equal(
        out.image.movedim(1, -1)[~boxes],
        view.image.movedim(1, -1)[~boxes])
    assert torch.equal(out.label[~boxes], view.label[~boxes])


@pytest.mark.parametrize('mix', (*MIXES, CutOut))
def test_prob_is_per_image(make_view, mix):
    torch.manual_seed(0)
    view = make_view(200, height=16, width=16)
    out = mix(prob=0.25)(view)
    changed = (out.image != view.image).flatten(1).any(1)
    assert 0.1 < changed.float().mean() < 0.4
    assert torch.equal(mix(prob=0.)(view).image, view.image)


@pytest.mark.parametrize('mix', MIXES)
def test_single_image_is_left_alone(make_view, mix):
    view = make_view(num=1)
    out = mix()(view)
    for name in ('image', 'label', 'confidence'):
        assert torch.equal(getattr(out, name), getattr(view, name))


@pytest.mark.parametrize('mix', (CutMix, CutOut))
@pytest.mark.parametrize('area', (0., 1.5, -1, float('nan')))
def test_bad_area(mix, area):
    with pytest.raises(ValueError, match=f'{mix.__name__}.area=.*{area}'):
        mix(area=area)


@pytest.mark.parametrize('mix', (*MIXES, CutOut))
def test_bad_mix_prob(mix):
    with pytest.raises(ValueError, match=f'{mix.__name__}.prob=-0.1'):
        mix(prob=-0.1)
