# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import tiny
import torch
from mmseg.registry import MODELS

from prcl_mmseg.models.training_health import TrainingHealth, gradient_norms


def test_sums_are_those_of_all_steps_since_the_last_reading():
    health = TrainingHealth(num_classes=3)
    assert health.read() is None
    for count in (1., 2.):
        health.add(anchors=torch.tensor([count, 0, 5]))
    label = torch.tensor([0, 2, 2, 3, 255, -1])
    values = torch.tensor([0.5, 1, 2, 10, 10, 10])
    health.add(
        pixels=health.class_sums(label),
        variance=health.class_sums(label, values))
    totals = health.read()
    assert totals.anchors.tolist() == [3, 0, 10]
    assert totals.pixels.tolist() == [1, 0, 2]
    assert totals.variance.tolist() == [0.5, 0, 3]
    assert health.read() is None


def test_masks_are_counted_on_a_grid():
    mask = torch.full((2, 8, 8), 255)
    mask[0, 4, 4], mask[1, 0, 0], mask[1, 1, 1] = 2, 1, 0
    health = TrainingHealth(num_classes=3)
    health.add_masks(labels=mask)
    assert health.read().labels.tolist() == [0, 1, 1]


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


def prcl_step(gradients_wanted: bool) -> tuple:
    inputs, samples = tiny.semi_batch()
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='PRCL',
            segmentor=tiny.segmentor(),
            num_classes=tiny.NUM_CLASSES,
            # So that there is a pseudo-label loss, and no mixing.
            pseudo_label_loss=dict(threshold=0.1, type='PseudoLabelLoss'),
            probabilistic_head=dict(embed_dims=6))).train()
    model.health.gradients_wanted = gradients_wanted
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
    totals = model.health.read()
    # 2 images of 32 x 32 each, every fourth pixel of every fourth row.
    assert totals.labels.sum() == 2 * 8 * 8
    assert totals.pseudo_labels.sum() <= 2 * 8 * 8
    assert (totals.anchors > 0).sum() == losses['anchor_classes']
    # 4 images of 4 x 4 embeddings.
    assert totals.pixels.sum() / (4 * 4 * 4) == losses['contrast_ratio']
    variance = totals.variance / totals.pixels.clamp(min=1)
    assert ((variance >= 0) & (variance < 1)).all()
