# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch
import torch.nn.functional as F

from prcl_mmseg.gaussian import DiagonalGaussian, mutual_likelihood_score
from prcl_mmseg.models import (ClassEvidence, ContrastScene, HardAnchors,
                               MLSContrastLoss, MutualLikelihood, PixelGroups,
                               PixelNegatives, PrototypeBank,
                               PrototypeNegatives, VirtualNegatives)

NUM_CLASSES, DIMS = 4, 8
NEGATIVES = [
    dict(type='PrototypeNegatives'),
    dict(type='PixelNegatives', num_negatives=6),
    dict(type='PixelNegatives', num_negatives=6, shared=False),
    dict(type='VirtualNegatives', num_negatives=6)
]


def make_batch(labels: list, repeat: int = 10, **similarity) -> dict:
    """Pixels around one direction per class."""
    torch.manual_seed(0)
    label = torch.tensor(labels).repeat(repeat)
    mean = torch.randn(NUM_CLASSES, DIMS)[label] + 0.3 * torch.randn(
        len(label), DIMS)
    pixels = DiagonalGaussian(mean.requires_grad_(),
                              (torch.rand(len(label), DIMS) +
                               0.1).requires_grad_())
    valid = torch.ones_like(label).bool()
    return dict(
        pixels=pixels,
        label=label,
        valid=valid,
        target_prob=torch.full((len(label), ), 0.5),
        evidence=ClassEvidence.from_pixels(pixels.detach(), label, valid,
                                           NUM_CLASSES),
        bank=PrototypeBank(NUM_CLASSES, DIMS),
        similarity=MutualLikelihood(**similarity))


def make_scene(batch: dict) -> ContrastScene:
    return ContrastScene(
        pixels=batch['pixels'].detach(),
        groups=PixelGroups.from_labels(batch['label'], batch['valid'],
                                       NUM_CLASSES),
        prototypes=batch['evidence'].prototypes(),
        available=batch['evidence'].present,
        similarity=MutualLikelihood(normalize=False))


@pytest.mark.parametrize('negatives', NEGATIVES)
@pytest.mark.parametrize('labels', [[0, 1], [0, 1, 3]])
def test_only_the_pixels_get_a_finite_gradient(negatives, labels):
    batch = make_batch(labels)
    loss = MLSContrastLoss(
        anchors=dict(type='HardAnchors', num_queries=5),
        negatives=negatives)(**batch)
    assert loss['anchor_classes'] == len(labels)
    loss['loss_contrast'].backward()
    for leaf in (batch['pixels'].mean, batch['pixels'].var):
        assert leaf.grad.isfinite().all() and leaf.grad.abs().sum() > 0


def test_closed_form_with_prototypes_as_negatives():
    """With one pixel per class the anchors are known."""
    batch = make_batch([0, 1, 3], repeat=1, temperature=0.5)
    loss = MLSContrastLoss(prototypes='batch', loss_weight=3.0)(**batch)
    pixels, prototypes = batch['pixels'], batch['evidence'].prototypes()
    present = [0, 1, 3]
    scores = mutual_likelihood_score(
        pixels.mean[:, None],
        pixels.var[:, None],
        prototypes.mean[present],
        prototypes.var[present],
        normalize=True)
    expected = 3 * F.cross_entropy(scores / 0.5, torch.arange(3))
    torch.testing.assert_close(loss['loss_contrast'], expected)


def test_a_fixed_variance_of_one_half_is_the_cosine_contrast():
    """InfoNCE over cosine similarities with class means, nothing else."""
    batch = make_batch([0, 1, 3], repeat=1, temperature=0.3)
    label = torch.tensor([0, 1, 3]).repeat(6)
    mean = torch.randn(18, DIMS)
    pixels = DiagonalGaussian(mean, torch.full_like(mean, 0.5))
    valid = torch.ones(18).bool()
    evidence = ClassEvidence.from_pixels(pixels, label, valid, NUM_CLASSES)
    means = torch.stack([mean[label == k].mean(0) for k in (0, 1, 3)])
    torch.testing.assert_close(evidence.prototypes().mean[[0, 1, 3]], means)
    batch.update(
        pixels=pixels, label=label, valid=valid, evidence=evidence,
        target_prob=torch.zeros(18))
    # So many anchors that each pixel is about as frequent as any other.
    loss = MLSContrastLoss(
        loss_weight=1.0,
        anchors=dict(
            type='HardAnchors', num_queries=30_000, max_anchors=None),
        prototypes='batch')(**batch)['loss_contrast']
    cosine = F.normalize(mean, dim=1) @ F.normalize(means, dim=1).T
    expected = F.cross_entropy(cosine / 0.3, torch.tensor([0, 1, 2]).repeat(6))
    torch.testing.assert_close(loss, expected, rtol=0.02, atol=0)


@pytest.mark.parametrize('negatives', NEGATIVES)
@pytest.mark.parametrize('case', ['one class', 'nothing valid', 'no hard'])
def test_nothing_to_contrast_is_an_attached_zero(negatives, case):
    batch = make_batch([2] if case == 'one class' else [0, 1])
    if case == 'nothing valid':
        batch['valid'] = torch.zeros_like(batch['valid'])
        batch['evidence'] = ClassEvidence.from_pixels(
            batch['pixels'].detach(), batch['label'], batch['valid'],
            NUM_CLASSES)
    if case == 'no hard':
        batch['target_prob'] = torch.ones_like(batch['target_prob'])
    loss = MLSContrastLoss(
        negatives=negatives,
        anchors=dict(type='HardAnchors', threshold=0.8))(
            **batch)['loss_contrast']
    assert loss == 0
    loss.backward()
    assert batch['pixels'].mean.grad.eq(0).all()


def test_classes_only_the_bank_knows_are_negatives():
    batch = make_batch([0])
    assert MLSContrastLoss()(**batch)['loss_contrast'] == 0
    earlier = make_batch([1, 2])
    batch['bank'].collect(earlier['evidence'])
    batch['bank'].commit()
    assert MLSContrastLoss()(**batch)['loss_contrast'] > 0
    assert MLSContrastLoss(
        prototypes='batch')(**batch)['loss_contrast'] == 0


def test_batch_prototypes_keep_their_own_variance():
    """The bank's floor is not for them: a posterior may fall below it."""
    batch = make_batch([0, 1], repeat=100)
    batch['bank'] = PrototypeBank(NUM_CLASSES, DIMS, min_var=0.5)
    scenes = [
        MLSContrastLoss(
            prototypes=kind, prototype_variance='posterior')._scene(
                batch['pixels'], batch['label'], batch['valid'],
                batch['evidence'], batch['bank'], batch['similarity'])
        for kind in ('batch', 'bank')
    ]
    assert scenes[0].prototypes.var[:2].max() < 0.01
    assert scenes[1].prototypes.var[:2].min() >= 0.5


def test_doubtful_anchors_pull_less():
    gradients = []
    for factor in (1, 100):
        batch = make_batch([0, 1])
        pixels = batch['pixels']
        batch['pixels'] = DiagonalGaussian(pixels.mean, factor * pixels.var)
        torch.manual_seed(0)
        loss = MLSContrastLoss(prototypes='batch')(**batch)
        loss['loss_contrast'].backward()
        gradients.append(pixels.mean.grad.norm())
    assert gradients[1] < 0.25 * gradients[0]


def test_shared_negatives_give_the_same_mean_loss():
    batch = make_batch([0, 1, 2, 3], reduction='mean', temperature=0.5)

    def draws(shared: bool) -> torch.Tensor:
        loss = MLSContrastLoss(
            loss_weight=1.0,
            prototypes='batch',
            prototype_variance='posterior',
            anchors=dict(type='HardAnchors', num_queries=20, threshold=0.8),
            negatives=dict(
                type='PixelNegatives', num_negatives=8, shared=shared))
        return torch.stack(
            [loss(**batch)['loss_contrast'].detach() for _ in range(200)])

    one, other = draws(True), draws(False)
    error = ((one.var() + other.var()) / 200).sqrt()
    assert (one.mean() - other.mean()).abs() < 4 * error


def test_draws_come_from_the_right_pixels():
    label = torch.tensor([0, 1, 0, 2, 1, 0, 2, 2])
    mask = torch.tensor([1, 1, 0, 1, 1, 1, 0, 1]).bool()
    groups = PixelGroups.from_labels(label, mask, NUM_CLASSES)
    assert groups.count.tolist() == [2, 2, 2, 0]
    torch.manual_seed(0)
    classes = torch.arange(3).repeat(3000)
    drawn = groups.draw(classes)
    assert label[drawn].equal(classes)
    counts = drawn.bincount(minlength=8)
    assert counts[~mask].eq(0).all()
    assert counts[mask].min() > 1400


def test_class_probabilities_leave_out_the_own_and_the_absent():
    scene = make_scene(make_batch([0, 1, 3]))
    prob = scene.class_probabilities(torch.tensor([0, 3]), scene.available)
    torch.testing.assert_close(prob.sum(1), torch.ones(2))
    assert prob[0, 0] == prob[1, 3] == 0 and prob[:, 2].eq(0).all()


@pytest.mark.parametrize('source, shape', [
    (PrototypeNegatives(), (2, 5, NUM_CLASSES)),
    (PixelNegatives(7), (2, 5, 7)),
    (PixelNegatives(7, shared=False), (2, 5, 7)),
    # Rounded up to a multiple of the classes.
    (VirtualNegatives(7), (2, 5, 8)),
])
def test_shapes_of_negative_scores(source, shape):
    batch = make_batch([0, 1, 3])
    classes = torch.tensor([0, 3])
    anchors = batch['pixels'][torch.arange(10).view(2, 5)]
    scores, log_weight = source.score(anchors, classes, make_scene(batch))
    assert scores.shape == shape and scores.isfinite().all()
    if isinstance(source, PrototypeNegatives):
        assert log_weight.exp()[:, 0].tolist() == [[0, 1, 0, 1], [1, 1, 0, 0]]


def test_the_defaults_are_a_contrast_on_equal_terms():
    loss = MLSContrastLoss()
    assert loss.loss_weight == 0.3
    assert isinstance(loss.anchors, HardAnchors)
    assert (loss.anchors.num_queries, loss.anchors.threshold) == (256, 1.0)
    assert isinstance(loss.negatives, PrototypeNegatives)
    assert (loss.prototypes, loss.prototype_variance) == ('bank',
                                                          'mean_precision')


@pytest.mark.parametrize('negatives, number',
                         list(zip(NEGATIVES, (2, 6, 6, 8))))
@pytest.mark.parametrize('reduction', ['sum', 'mean'])
def test_a_high_temperature_makes_all_equal(negatives, number, reduction):
    batch = make_batch([0, 1, 3], reduction=reduction, temperature=1e6)
    loss = MLSContrastLoss(0.3, negatives=negatives)(**batch)['loss_contrast']
    torch.testing.assert_close(
        loss, 0.3 * torch.tensor(1. + number).log(), rtol=1e-3, atol=0)


@pytest.mark.parametrize('settings, message', [
    (dict(prototypes='all'), "contrast.loss.prototypes='all'"),
    (dict(prototype_variance='x'), "contrast.loss.prototype_variance='x'"),
    (dict(anchors=dict(type='HardAnchors', num_queries=0)), 'num_queries=0'),
])
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        MLSContrastLoss(**settings)


@pytest.mark.parametrize('name', ['temprature', 'preset', 'temperature'])
def test_an_unknown_setting_is_refused(name):
    with pytest.raises(TypeError, match=name):
        MLSContrastLoss(**{name: 1})


@pytest.mark.parametrize('negatives', NEGATIVES)
@pytest.mark.parametrize('prototypes', ['batch', 'bank'])
@pytest.mark.parametrize('num_pixels, var', [(0, 1.), (1, 1e-20),
                                             (40, 1e-20)])
def test_no_pixels_and_tiny_variances_give_finite_gradients(
        negatives, prototypes, num_pixels, var):
    torch.manual_seed(0)
    mean = torch.randn(num_pixels, DIMS, requires_grad=True)
    var = torch.full((num_pixels, DIMS), var, requires_grad=True)
    pixels = DiagonalGaussian(mean, var)
    label = torch.arange(num_pixels) % NUM_CLASSES
    valid = torch.ones(num_pixels, dtype=torch.bool)
    loss = MLSContrastLoss(
        negatives=negatives, prototypes=prototypes)(
            pixels, label, valid, torch.full((num_pixels, ), 0.5),
            ClassEvidence.from_pixels(pixels.detach(), label, valid,
                                      NUM_CLASSES),
            PrototypeBank(NUM_CLASSES, DIMS), MutualLikelihood())
    loss['loss_contrast'].backward()
    assert loss['loss_contrast'].isfinite()
    assert mean.grad.isfinite().all() and var.grad.isfinite().all()
    if num_pixels < 2:
        assert loss['loss_contrast'] == 0
