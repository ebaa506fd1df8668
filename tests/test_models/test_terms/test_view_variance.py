# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import tiny
import torch
import torch.nn.functional as F

from prcl_mmseg.models import NetworkOutput, View
from prcl_mmseg.models.terms import ViewVariance

SIZE = (16, 16)
VIEWS = dict(type='ViewVariance')


def term(stride: int = 4) -> ViewVariance:
    """One that has learnt nothing, of a network that does not embed."""
    torch.manual_seed(0)
    result = ViewVariance(num_classes=3, stride=stride)
    result.attach(tiny.build('supervised').student)
    return result


def view_of(label: torch.Tensor, origin: torch.Tensor) -> View:
    one = torch.ones(3, 1, 1)
    maps = dict(
        label=label, confidence=(label != 255).float(), origin=origin)
    return View(torch.zeros(len(label), 3, *SIZE), maps, one, one)


def output_of(seg_logits: torch.Tensor) -> NetworkOutput:
    return NetworkOutput([], [], seg_logits, False)


@pytest.mark.parametrize('flipped', [False, True])
def test_loss_is_that_of_the_pixels_where_the_view_shows_them(flipped):
    views = term()
    weak = torch.randn(2, 3, *SIZE)
    origin = views.weak_maps(weak, None)['origin']
    label = torch.randint(3, (2, *SIZE))
    label[0, :5] = 255
    view = view_of(label, origin)
    if flipped:
        view = view.flip(torch.tensor([True, True]), -1)
    seen = torch.randn(2, 3, *SIZE)
    result = views(output_of(seen), dict(strong=view), {})

    # Pixel by pixel, with a σ² map of the weak images.
    log_odds = views.estimator(
        F.avg_pool2d(weak.softmax(1), 4))[:, 0]
    total, count = 0., 0
    for n in range(2):
        for y in range(2, 16, 4):
            for x in range(2, 16, 4):
                target = int(view.label[n, y, x])
                if target == 255:
                    continue
                x0 = 15 - x if flipped else x
                disagreement = 1 - seen[n, :, y, x].softmax(0)[target]
                p = log_odds[n, y // 4, x0 // 4].sigmoid()
                total -= (disagreement * p.log() +
                          (1 - disagreement) * (1 - p).log())
                count += 1
    assert result['loss_view_variance'].item() == pytest.approx(
        total.item() / count, rel=1e-5)


def test_origin_names_the_nearest_input():
    origin = term().weak_maps(torch.randn(2, 3, 10, 7), None)['origin']
    # Image, and which of its 3 x 2 inputs.
    assert origin.shape == (2, 2, 10, 7)
    assert origin[0, :, 0, 0].tolist() == [0, 0]
    assert origin[1, :, 9, 6].tolist() == [1, 5]


def test_origins_stay_exact_in_fp32():
    """Of all images of a batch together there may be more than 2^24."""
    origin = term(stride=1).weak_maps(torch.randn(9, 3, 10, 7), None)['origin']
    assert origin.max() < 10 * 7


def test_it_learns_how_often_views_disagree():
    """Two kinds of pixels: of one a tenth is contradicted, of one a half."""
    views = term(stride=1)
    optimizer = torch.optim.Adam(views.parameters(), lr=1e-2)
    weak = torch.zeros(4, 3, *SIZE)
    weak[:, 0, :8], weak[:, 0, 8:] = 5., 1.
    label = torch.zeros(4, *SIZE, dtype=torch.int64)
    for _ in range(150):
        rate = torch.full((4, *SIZE), 0.1)
        rate[:, 8:] = 0.5
        other = torch.rand(4, *SIZE) < rate
        seen = torch.stack([~other, other, other & False], 1) * 40.
        origin = views.weak_maps(weak, None)['origin']
        loss = views(
            output_of(seen), dict(strong=view_of(label, origin)), {})
        optimizer.zero_grad()
        loss['loss_view_variance'].backward()
        optimizer.step()
    expected = views.maps(weak, None)
    assert expected.shape == (4, 1, *SIZE)
    assert expected[:, :, :8].mean().item() == pytest.approx(0.1, abs=0.03)
    assert expected[:, :, 8:].mean().item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize('labeled_before', [False, True])
def test_without_views_the_loss_is_0_but_attached(labeled_before):
    views = term()
    if labeled_before:
        # By a tool that shows pseudo-labels, for example.
        views.weak_maps(torch.randn(1, 3, *SIZE), None)
    labels = torch.zeros(1, *SIZE, dtype=torch.int64)
    view = View(torch.zeros(1, 3, *SIZE),
                dict(label=labels, confidence=labels.float()),
                torch.ones(3, 1, 1), torch.ones(3, 1, 1))
    loss = views(output_of(torch.randn(1, 3, *SIZE)), dict(labeled=view), {})
    loss['loss_view_variance'].backward()
    assert loss['loss_view_variance'] == 0
    assert all(p.grad is not None for p in views.parameters())


@pytest.mark.parametrize('method', ['mean_teacher', 'prcl', 'unimatch_v2'])
def test_it_changes_nothing_else_that_is_learnt(method):
    """Same losses, and the same gradients of the student."""
    grads, losses = [], []
    for terms in ({}, dict(views=VIEWS)):
        torch.manual_seed(0)
        model = tiny.build(method)
        if terms:
            weights = model.state_dict()
            model = tiny.build(method, terms=terms)
            model.load_state_dict(weights, strict=False)
        torch.manual_seed(1)
        inputs = {part: torch.randn(2, 3, 32, 32)
                  for part in ('labeled', 'unlabeled')}
        data = dict(
            labeled=tiny.samples(2), unlabeled=tiny.samples(2, labeled=False))
        torch.manual_seed(2)
        loss = model.loss(inputs, data)
        own = loss.pop('loss_view_variance', None)
        assert (own is not None) == bool(terms)
        total = sum(value.sum() for name, value in loss.items()
                    if 'loss' in name)
        (total if own is None else total + own).backward()
        grads.append([p.grad for p in model.student.parameters()])
        losses.append(total.item())
    assert losses[0] == losses[1]
    for one, two in zip(*grads):
        assert (one is None) == (two is None)
        assert one is None or torch.equal(one, two)


@pytest.mark.parametrize('method', ['mean_teacher', 'prcl'])
def test_predictions_carry_it(method):
    model = tiny.build(method, terms=dict(views=VIEWS)).eval()
    seg_logits, embedding = model.weak_pass(
        'teacher', torch.randn(1, 3, 32, 32), embed=True)
    assert (embedding is None) == (method == 'mean_teacher')
    expected = model.terms['views'].maps(seg_logits, embedding)
    assert expected.shape == (1, 1, 32, 32)
    assert 0 <= expected.min() and expected.max() <= 1


def test_it_is_refused_where_it_would_learn_nothing():
    with pytest.raises(ValueError, match='model.terms.views=ViewVariance.*'
                       'model.strategy is None.*model.terms.views=None'):
        tiny.build('supervised', terms=dict(views=VIEWS))
