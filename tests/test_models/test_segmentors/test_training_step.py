# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The training step against one that is computed by hand, pixel by pixel."""
import copy
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import tiny
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.distributions import Normal

from prcl_mmseg.models import Anchors, HardAnchors

THRESHOLD = 0.5
CONFIDENCE = 0.4
RAMP = 0.5
LOSS_WEIGHT = 0.3
CLASSES = tiny.NUM_CLASSES


@MODELS.register_module()
class NotedAnchors(HardAnchors):
    """Notes which pixels it draws."""

    def draw(self, candidates, usable) -> Anchors:
        self.drawn = super().draw(candidates, usable)
        return self.drawn


def build(name: str, **settings) -> nn.Module:
    """A model with a teacher that is sure of some pixels, not of all."""
    torch.manual_seed(0)
    own = dict(
        strategy=dict(
            strong_augment=dict(transforms={}, _delete_=True,
                                type='StrongAugment'),
            loss=dict(threshold=THRESHOLD)))
    if name == 'prcl':
        own['terms'] = dict(
            contrast=dict(
                confidence_threshold=CONFIDENCE,
                loss=dict(
                    loss_weight=LOSS_WEIGHT,
                    anchors=dict(type='NotedAnchors', num_queries=8)),
                ramp=dict(value=RAMP)))
    cfg = Config(dict(model=tiny.method(name, **own)))
    cfg.merge_from_dict(dict(model=settings))
    model = MODELS.build(cfg.model)
    for network, scale in ((model.student, 0.2),
                           (model.teacher.module, 1.0)):
        nn.init.normal_(classifier(network).weight, std=scale)
    return model.train()


def contrast(model: nn.Module) -> nn.Module:
    return model.terms['contrast']


def classifier(network: nn.Module) -> nn.Conv2d:
    head = network.decode_head
    return getattr(head, 'head', head).conv_seg


class HandMade(NamedTuple):
    """A training step by hand."""

    losses: dict
    label: Tensor
    confidence: Tensor
    logits: Tensor


def own_losses(network: nn.Module, images: Tensor, truth: Tensor) -> tuple:
    """The plain network's losses of the first images, and all its logits."""
    features = network.extract_feat(images)
    losses = {}
    for name, head in (('decode', network.decode_head),
                       ('aux', network.auxiliary_head)):
        head = getattr(head, 'head', head)
        # Dropout is off; the auxiliary head sees the labelled images only.
        if name == 'aux':
            features = [feature[:len(truth)] for feature in features]
        logits = enlarge(head(features))
        losses[f'{name}.loss_ce'] = F.cross_entropy(
            logits[:len(truth)], truth)
        if name == 'decode':
            every = logits
    return losses, every


def enlarge(maps: Tensor) -> Tensor:
    return F.interpolate(maps, (32, 32), mode='bilinear')


def weak_labels(model: nn.Module, images: Tensor, weight: float = 0.) -> tuple:
    teacher = copy.deepcopy(model.teacher.module).eval()
    features = teacher.extract_feat(images)
    head = teacher.decode_head
    logits = enlarge(getattr(head, 'head', head)(features))
    if weight:
        logits = logits + weight * log_posterior(model, teacher, features)
    confidence, label = logits.softmax(1).max(1)
    return label, confidence


def log_posterior(model: nn.Module, teacher: nn.Module, features) -> Tensor:
    """By Bayes' rule, from log densities of PyTorch's own Gaussians."""
    pixels = embed(teacher, features)
    prototypes = contrast(model).bank.prototypes()
    scores = torch.stack([
        log_density(pixels.mean, pixels.var, mean[:, None, None],
                    var[:, None, None], dim=1)
        for mean, var in zip(prototypes.mean, prototypes.var)], 1)
    return enlarge(scores).log_softmax(1)


def log_density(mean: Tensor, var: Tensor, other: Tensor, other_var: Tensor,
                dim: int = -1) -> Tensor:
    first = F.normalize(mean, dim=dim)
    second = F.normalize(other, dim=0 if dim == 1 else -1)
    scale = (var + other_var).sqrt()
    return Normal(second, scale).log_prob(first).sum(dim)


def embed(network: nn.Module, features):
    head = network.decode_head
    with head.record() as recorded:
        head(features)
    return head.embed(recorded, (32, 32))


def step_by_hand(model: nn.Module, inputs: dict, samples: dict,
                 weight: float = 0.) -> HandMade:
    """Without strong augmentation, so that both views are one."""
    truth = torch.cat([s.gt_sem_seg.data for s in samples['labeled']])
    with torch.no_grad():
        label, confidence = weak_labels(model, inputs['unlabeled'], weight)
    student = copy.deepcopy(model.student)
    losses, logits = own_losses(student, torch.cat(list(inputs.values())),
                                truth)
    unlabeled = logits[len(truth):]
    total = 0.
    for image in range(len(label)):
        sure = (confidence[image] >= THRESHOLD).float().mean()
        total += sure * F.cross_entropy(
            unlabeled[image:image + 1], label[image:image + 1])
    losses['loss_pseudo'] = total / len(label)
    return HandMade(losses, label, confidence, logits)


def contrast_by_hand(model: nn.Module, inputs: dict, samples: dict,
                     made: HandMade) -> Tensor:
    """InfoNCE of the anchors that were drawn, one by one."""
    student = copy.deepcopy(model.student)
    pixels = embed(
        student, student.extract_feat(torch.cat(list(inputs.values()))))
    truth = torch.cat([s.gt_sem_seg.data for s in samples['labeled']])
    size = pixels.mean.shape[2:]
    stride = 32 // size[0]
    label = torch.cat([truth, made.label])[:, ::stride, ::stride].flatten()
    sure = torch.cat([torch.ones_like(made.confidence), made.confidence])
    valid = sure[:, ::stride, ::stride].flatten() >= CONFIDENCE
    mean, var = (maps.double().permute(0, 2, 3, 1).flatten(0, 2)
                 for maps in (pixels.mean, pixels.var))
    prototypes = []
    for c in range(CLASSES):
        chosen = valid & (label == c)
        precision = (1 / var[chosen]).sum(0)
        prototypes.append(((mean[chosen] / var[chosen]).sum(0) / precision,
                           chosen.sum() / precision))
    by_class = [[] for _ in range(CLASSES)]
    for index in contrast(model).loss.anchors.drawn.pixel.flatten():
        assert valid[index]
        scores = torch.stack([
            log_density(mean[index], var[index], *prototype)
            for prototype in prototypes])
        own = label[index]
        by_class[own].append(scores.logsumexp(0) - scores[own])
    return torch.stack([torch.stack(each).mean() for each in by_class]).mean()


@pytest.mark.parametrize('name', ['mean_teacher', 'prcl'])
def test_losses_are_those_computed_by_hand(name):
    model = build(name)
    inputs, samples = tiny.semi_batch()
    made = step_by_hand(model, inputs, samples)
    before = copy.deepcopy(model)
    losses = model.loss(inputs, samples)
    assert losses['loss_pseudo'] > 0.05
    for key, value in made.losses.items():
        torch.testing.assert_close(losses[key], value, msg=key)
    sure = (made.confidence >= THRESHOLD).float().mean()
    assert 0 < sure < 1
    torch.testing.assert_close(losses['pseudo_weight'], sure)
    if name == 'prcl':
        drawn = contrast(model).loss.anchors.drawn
        contrast(before).loss.anchors.drawn = drawn
        by_hand = contrast_by_hand(before, inputs, samples, made)
        torch.testing.assert_close(
            losses['loss_contrast'].double(), RAMP * LOSS_WEIGHT * by_hand,
            rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('name', ['mean_teacher', 'prcl'])
def test_every_learning_parameter_gets_a_gradient_that_moves_it(name):
    model = build(name)
    loss, log = model.parse_losses(model.loss(*tiny.semi_batch()))
    assert log['loss_pseudo'] > 0
    loss.backward()
    for key, parameter in model.student.named_parameters():
        assert parameter.grad.abs().max() > 0, key


def test_prototypes_label_as_by_hand():
    model = build(
        'prcl', strategy=dict(labeler=dict(prototype_weight=0.7)))
    bank = contrast(model).bank
    bank.precision.uniform_(5, 20)
    bank.information.copy_(bank.precision * torch.randn_like(bank.precision))
    bank.count.fill_(1)
    inputs, samples = tiny.semi_batch()
    alone = step_by_hand(model, inputs, samples)
    made = step_by_hand(model, inputs, samples, weight=0.7)
    assert not made.label.equal(alone.label)
    weak = model.pseudo_label(inputs['unlabeled'], samples['unlabeled'])
    assert weak.label.equal(made.label)
    torch.testing.assert_close(weak.confidence, made.confidence)
    torch.testing.assert_close(
        model.loss(inputs, samples)['loss_pseudo'],
        made.losses['loss_pseudo'])


def test_five_steps_of_a_mean_teacher_by_hand():
    model = build('mean_teacher')
    student = copy.deepcopy(model.student)
    teacher = copy.deepcopy(model.teacher.module)
    inputs, samples = tiny.semi_batch()
    optimizer = torch.optim.SGD(model.student.parameters(), lr=0.05)
    plain = torch.optim.SGD(student.parameters(), lr=0.05)
    for step in range(5):
        loss, _ = model.parse_losses(model.loss(inputs, samples))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.update_teacher()

        by_hand = copy.deepcopy(model)
        by_hand.teacher.module.load_state_dict(teacher.state_dict())
        with torch.no_grad():
            label, confidence = weak_labels(by_hand, inputs['unlabeled'])
        truth = torch.cat([s.gt_sem_seg.data for s in samples['labeled']])
        losses, logits = own_losses(
            student, torch.cat(list(inputs.values())), truth)
        sure = (confidence >= THRESHOLD).float().mean((1, 2))
        pseudo = F.cross_entropy(
            logits[len(truth):], label, reduction='none').mean((1, 2))
        plain.zero_grad()
        (sum(losses.values()) + (sure * pseudo).mean()).backward()
        plain.step()
        # MMEngine's first update copies the student.
        rate = 1. if step == 0 else max(0.01, 1 / (step + 1))
        target = teacher.state_dict()
        for name, value in student.state_dict().items():
            if value.is_floating_point():
                target[name].lerp_(value, rate)
            else:
                target[name].copy_(value)
    for mine, other in ((model.student, student),
                        (model.teacher.module, teacher)):
        for name, value in other.state_dict().items():
            torch.testing.assert_close(
                mine.state_dict()[name], value, rtol=1e-4, atol=1e-5,
                msg=name)


def test_the_contrast_pulls_classes_apart():
    """Classes of one colour each, in 50 steps of the contrast alone."""
    model = build(
        'prcl',
        terms=dict(
            contrast=dict(loss=dict(loss_weight=1.), ramp=dict(value=1.))))
    truth = torch.randint(CLASSES, (2, 4, 4)).repeat_interleave(
        8, 1).repeat_interleave(8, 2)
    colours = torch.tensor([[1., 0., 0.], [0., 1., 0.], [0.5, 0.5, 0.]])
    images = colours[truth].permute(0, 3, 1, 2) + 0.5 * torch.randn(
        2, 3, 32, 32)
    samples = tiny.samples(2)
    for sample, mask in zip(samples, truth):
        sample.gt_sem_seg = PixelData(data=mask[None])
    inputs = dict(labeled=images, unlabeled=images)
    samples = dict(labeled=samples, unlabeled=tiny.samples(2, labeled=False))
    optimizer = torch.optim.SGD(model.student.parameters(), lr=0.2)
    gaps = []
    for _ in range(50):
        losses = model.loss(inputs, samples)
        optimizer.zero_grad()
        losses['loss_contrast'].backward()
        optimizer.step()
        contrast(model).bank.commit()
        gaps.append(float(losses['positive_score']
                          - losses['negative_score']))
    assert gaps[-1] > gaps[0] + 2


def test_two_threads_predict_at_once():
    model = build('prcl').eval()
    images = [torch.randn(1, 3, 32, 32) for _ in range(16)]
    expected = [model.predict(image)[0] for image in images]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda image: model.predict(image)[0],
                                images))
    for result, sample in zip(results, expected):
        for name in ('seg_logits', 'pred_variance', 'pred_posterior'):
            torch.testing.assert_close(
                result.get(name).data, sample.get(name).data)
