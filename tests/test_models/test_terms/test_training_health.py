# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import tiny
import torch
from mmseg.registry import MODELS

from prcl_mmseg.models import NetworkOutput, TrainingHealth, View
from prcl_mmseg.models.structures import tensors_of
from prcl_mmseg.models.terms.training_health import gradient_norms


def view_of(label: torch.Tensor) -> View:
    one = torch.ones(3, 1, 1)
    maps = dict(label=label, confidence=(label != 255).float())
    return View(torch.zeros(len(label), 3, *label.shape[1:]), maps, one, one)


def output_of(features) -> NetworkOutput:
    return NetworkOutput(features, [], torch.zeros(1, 3, 2, 2), False)


def test_masks_are_counted_on_a_grid():
    mask = torch.full((2, 8, 8), 255)
    mask[0, 4, 4], mask[1, 0, 0], mask[1, 1, 1] = 2, 1, 0
    health = TrainingHealth(num_classes=3)
    health(output_of([]), dict(labeled=view_of(mask)), {})
    sums = health.class_sums.read()
    assert sums['labels'].tolist() == [0, 1, 1]
    assert 'pseudo_labels' not in sums


def test_all_other_views_have_pseudo_labels():
    masks = [torch.full((1, 4, 4), number) for number in (0, 1, 2)]
    health = TrainingHealth(num_classes=3)
    views = dict(zip(('labeled', 'strong', 'other'), map(view_of, masks)))
    assert health(output_of([]), views, dict(loss_pseudo=torch.ones(()))) == {}
    health(output_of([]), views, {})
    sums = health.class_sums.read()
    assert sums['labels'].tolist() == [2, 0, 0]
    assert sums['pseudo_labels'].tolist() == [0, 2, 2]


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_gradient_norms_against_their_formula(dtype):
    features = [
        torch.randn(2, 3, 4, 4).to(dtype).requires_grad_(),
        torch.randn(2, 5, 2, 2).to(dtype).requires_grad_()
    ]
    losses = dict(
        loss_pseudo=features[0].float().square().mean(),
        # Below what fp16 can tell from 0.
        loss_contrast=1e-8 * features[1].float().sum())
    norms = gradient_norms(losses, list(losses), features)
    expected = 2 * features[0].float().norm() / features[0].numel()
    assert norms['gradient_pseudo'].item() == pytest.approx(
        expected.item(), rel=1e-2)
    assert norms['gradient_contrast'].item() == pytest.approx(
        1e-8 * 40**0.5, rel=1e-2)
    assert all(feature.grad is None for feature in features)


def test_a_frozen_backbone_has_no_gradients():
    assert gradient_norms(
        dict(loss_pseudo=torch.ones(())), ['loss_pseudo'],
        [torch.ones(1, 1, 2, 2)]) == {}


def make_nested() -> tuple:
    """Features of some kinds, and the tensors in them."""
    tensors = [
        torch.randn(shape, requires_grad=True)
        for shape in ((2, 3, 4, 4), (2, 5, 7), (2, 6), (2, 3, 2, 2))
    ]
    maps, tokens, vector, other = tensors
    return (maps, [tokens, vector], dict(other=other, none=None)), tensors


def test_features_may_be_nested():
    features, tensors = make_nested()
    assert all(map(lambda one, other: one is other, tensors_of(features),
                   tensors))
    losses = {
        'loss_pseudo': sum((tensor**2).sum() / 2 for tensor in tensors),
        'loss_contrast': 3 * tensors[2].sum(),
        'acc_pseudo': torch.ones(()),
        # The head's own.
        'decode.loss_ce': tensors[0].sum(),
    }
    health = TrainingHealth(num_classes=3)
    views = dict(labeled=view_of(torch.zeros(1, 4, 4).long()))
    assert health(output_of(features), views, losses) == {}
    health.gradients_wanted = True
    norms = health(output_of(features), views, losses)
    assert set(norms) == {'gradient_pseudo', 'gradient_contrast'}
    total = torch.cat([tensor.flatten() for tensor in tensors])
    torch.testing.assert_close(norms['gradient_pseudo'], total.norm().detach())
    torch.testing.assert_close(norms['gradient_contrast'],
                               torch.tensor(3 * 12**0.5))
    assert not any(norm.requires_grad for norm in norms.values())


def test_frozen_parts_of_the_features_are_left_out():
    features, tensors = make_nested()
    frozen = [tensor.detach() for tensor in tensors[:2]]
    norms = gradient_norms(
        dict(loss_one=sum(tensor.sum() for tensor in tensors)), ['loss_one'],
        [*frozen, *tensors[2:]])
    torch.testing.assert_close(norms['gradient_one'],
                               torch.tensor((12. + 24.)**0.5))


@pytest.mark.parametrize('loss', (
    torch.ones(()), torch.ones((), requires_grad=True)))
def test_a_loss_that_pulls_at_no_feature_has_no_norm(loss):
    _, tensors = make_nested()
    losses = dict(loss_other=loss, loss_one=tensors[0].sum())
    assert set(gradient_norms(losses, list(losses),
                              tensors)) == {'gradient_one'}


def prcl_step(gradients_wanted: bool) -> tuple:
    inputs, samples = tiny.semi_batch()
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='SemiSegmentor',
            segmentor=tiny.segmentor(),
            num_classes=tiny.NUM_CLASSES,
            teacher=dict(type='EMATeacher'),
            strategy=dict(
                type='WeakToStrong',
                # So that there is a pseudo-label loss, and no mixing.
                loss=dict(
                    type='PseudoLabelLoss', threshold=0.1, weighting='image')),
            # It reads the losses of those that are named after it, too.
            terms=dict(
                health=dict(type='TrainingHealth'),
                contrast=dict(
                    type='PrototypeContrast',
                    head=dict(
                        type='ProbabilisticDecodeHead',
                        embed_dims=6,
                        embed_stride=4))))).train()
    model.terms['health'].gradients_wanted = gradients_wanted
    losses = model(inputs, samples, mode='loss')
    loss, _ = model.parse_losses(losses)
    loss.backward()
    gradients = [
        parameter.grad.clone() for parameter in model.student.parameters()
    ]
    return model, losses, gradients


def test_a_step_reports_gradients_and_stays_the_same():
    _, losses, gradients = prcl_step(False)
    assert 'gradient_contrast' not in losses
    _, measured, same = prcl_step(True)
    assert measured['gradient_contrast'] > 0
    assert measured['gradient_pseudo'] > 0
    assert all(map(torch.equal, gradients, same))


def test_a_step_counts_labels_anchors_and_variance():
    model, losses, _ = prcl_step(False)
    masks = model.terms['health'].class_sums.read()
    totals = model.terms['contrast'].class_sums.read()
    # 2 images of 32 x 32 each, every fourth pixel of every fourth row.
    assert masks['labels'].sum() == 2 * 8 * 8
    assert masks['pseudo_labels'].sum() <= 2 * 8 * 8
    assert (totals['anchors'] > 0).sum() == losses['anchor_classes']
    # 4 images of 4 x 4 embeddings.
    assert totals['pixels'].sum() / (4 * 4 * 4) == losses['contrast_ratio']
    variance = totals['variance'] / totals['pixels'].clamp(min=1)
    assert ((variance >= 0) & (variance < 1)).all()
