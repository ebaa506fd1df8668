# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch
from mmseg.registry import MODELS

from prcl_mmseg.gaussian import DiagonalGaussian, mutual_likelihood_score
from prcl_mmseg.models import (ClassEvidence, ContrastScene, MLSContrastLoss,
                               MutualLikelihood, Negatives, NegativeScores,
                               PixelGroups, PixelNegatives, PrototypeBank,
                               PrototypeNegatives, VirtualNegatives)

NUM_CLASSES, DIMS = 5, 6


class RecordingSimilarity(MutualLikelihood):
    """Remembers what anchors were scored against."""

    def score(self, anchors, keys, index):
        calls.append((keys, index))
        return super().score(anchors, keys, index)


calls: list = []


@pytest.fixture(autouse=True)
def forget_calls() -> None:
    calls.clear()


def make_label() -> tuple:
    """Classes 0, 1, 3 and 4; every fifth pixel does not count."""
    label = torch.tensor([0, 1, 3, 4]).repeat(20)
    return label, torch.arange(80) % 5 > 0


def make_scene(available: torch.Tensor = None, **similarity) -> ContrastScene:
    generator = torch.Generator().manual_seed(0)
    label, valid = make_label()
    centers = torch.randn(NUM_CLASSES, DIMS, generator=generator)
    pixels = DiagonalGaussian(
        centers[label] + 0.3 * torch.randn(80, DIMS, generator=generator),
        torch.rand(80, DIMS, generator=generator) + 0.2)
    evidence = ClassEvidence.from_pixels(pixels, label, valid, NUM_CLASSES)
    similarity = {**dict(temperature=2.0, normalize=False), **similarity}
    return ContrastScene(
        pixels=pixels,
        groups=PixelGroups.from_labels(label, valid, NUM_CLASSES),
        prototypes=evidence.prototypes(),
        available=evidence.present if available is None else available,
        similarity=RecordingSimilarity(**similarity))


def make_anchors(num_classes: int, num_queries: int) -> DiagonalGaussian:
    return DiagonalGaussian(
        torch.randn(num_classes, num_queries, DIMS),
        torch.rand(num_classes, num_queries, DIMS) + 0.1)


def assert_frequencies(counts: torch.Tensor, prob: torch.Tensor) -> None:
    """Within 5 standard deviations, and never where impossible."""
    total = counts.sum()
    error = (total * prob * (1 - prob)).sqrt()
    assert ((counts - total * prob).abs() <= 5 * error).all()


@pytest.mark.parametrize('reduction', ['sum', 'mean'])
@pytest.mark.parametrize('normalize', [True, False])
def test_class_probabilities_are_a_softmax_of_the_scores(reduction, normalize):
    scene = make_scene(reduction=reduction, normalize=normalize)
    classes = torch.tensor([3, 0])
    prob = scene.class_probabilities(classes, scene.available)
    for row, own in zip(prob, classes.tolist()):
        others = [k for k in (0, 1, 3, 4) if k != own]
        one, rest = scene.prototypes[own], scene.prototypes[others]
        scores = mutual_likelihood_score(
            one.mean,
            one.var,
            rest.mean,
            rest.var,
            reduction=reduction,
            normalize=normalize)
        torch.testing.assert_close(row[others], (scores / 2).softmax(0))
        assert row[own] == row[2] == 0


def test_two_classes_leave_one_choice():
    scene = make_scene(
        available=torch.tensor([True, False, False, True, False]))
    prob = scene.class_probabilities(torch.tensor([0, 3]), scene.available)
    assert prob.tolist() == [[0, 0, 0, 1, 0], [1, 0, 0, 0, 0]]


@pytest.mark.parametrize('shared', [True, False])
def test_pixels_are_drawn_by_class_then_uniformly(shared):
    torch.manual_seed(0)
    label, valid = make_label()
    scene, classes = make_scene(), torch.tensor([0, 4])
    source = PixelNegatives(2000 if shared else 50, shared=shared)
    source.score(make_anchors(2, 40), classes, scene)
    # Before it, prototypes met each other.
    keys, index = calls[1]
    assert keys.mean is scene.pixels.mean
    drawn = index.reshape(2, -1)
    assert drawn.shape[1] == 2000
    prob = scene.class_probabilities(classes, scene.available)
    for own, pixels, row in zip(classes, drawn, prob):
        assert valid[pixels].all() and not label[pixels].eq(own).any()
        counts = label[pixels].bincount(minlength=NUM_CLASSES)
        assert_frequencies(counts, row)
        wanted = row[label.clamp(max=4)] / scene.groups.count[label] * valid
        assert_frequencies(pixels.bincount(minlength=80), wanted)


def test_each_anchor_has_negatives_of_its_own_unless_shared():
    scene, classes = make_scene(), torch.tensor([0, 4])
    anchors = make_anchors(2, 40)
    for shared, groups in ((True, 2), (False, 80)):
        calls.clear()
        scores = PixelNegatives(
            30, shared=shared).score(anchors, classes, scene).score
        index = calls[1][1]
        assert index.shape == (groups, 30)
        if shared:
            index = index.repeat_interleave(40, dim=0)
        # Anchors must meet the negatives of their own row.
        flat = DiagonalGaussian(
            anchors.mean.view(80, DIMS), anchors.var.view(80, DIMS))
        keys = scene.pixels[index]
        expected = mutual_likelihood_score(flat.mean[:, None],
                                           flat.var[:, None], keys.mean,
                                           keys.var)
        torch.testing.assert_close(scores, expected.view(2, 40, 30))


def test_shared_negatives_keep_the_mean():
    """Of the negative part of the loss, within its standard error."""
    torch.manual_seed(0)
    scene, classes = make_scene(), torch.tensor([0, 1, 3])
    anchors = make_anchors(3, 6)

    def draws(shared: bool) -> torch.Tensor:
        source = PixelNegatives(10, shared=shared)
        return torch.stack([
            source.score(anchors, classes, scene).score.logsumexp(2).mean()
            for _ in range(150)
        ])

    one, other = draws(True), draws(False)
    error = ((one.var() + other.var()) / 150).sqrt()
    assert (one.mean() - other.mean()).abs() < 4 * error


def test_pixel_negatives_need_pixels_in_the_batch():
    """Class 2 is known, from the bank, but has no pixel here."""
    scene = make_scene(available=torch.ones(NUM_CLASSES).bool())
    assert PixelNegatives().candidates(scene).tolist() == [
        True, True, False, True, True
    ]
    for source in (PrototypeNegatives(), VirtualNegatives()):
        assert source.candidates(scene).all()
    torch.manual_seed(0)
    PixelNegatives(500).score(make_anchors(1, 2), torch.tensor([2]), scene)
    assert make_label()[0][calls[1][1]].ne(2).all()


def test_every_other_prototype_is_a_negative_once():
    scene, classes = make_scene(normalize=True), torch.tensor([1, 4])
    anchors = make_anchors(2, 3)
    scores, log_weight = PrototypeNegatives().score(anchors, classes, scene)
    assert scores.shape == (2, 3, NUM_CLASSES)
    scores = scores + log_weight
    for row, own in enumerate(classes.tolist()):
        for other in range(NUM_CLASSES):
            if other in (own, 2):
                assert scores[row, :, other].eq(float('-inf')).all()
                continue
            prototype = scene.prototypes[other]
            torch.testing.assert_close(
                scores[row, :, other],
                mutual_likelihood_score(
                    anchors.mean[row],
                    anchors.var[row],
                    prototype.mean,
                    prototype.var,
                    normalize=True))


def test_virtual_negatives_are_drawn_from_the_prototypes(monkeypatch):
    torch.manual_seed(0)
    scene, spread, drawn = make_scene(), 0.25, []
    monkeypatch.setattr(
        MutualLikelihood, 'score_clusters', lambda self, anchors, clusters,
        means: drawn.append(means) or torch.zeros(
            2, 3, means[..., 0].numel()))
    VirtualNegatives(
        5 * 2000, spread=spread).score(
            make_anchors(2, 3), torch.tensor([0, 3]), scene)
    standard = (drawn[0] - scene.prototypes.mean[:, None]) / (
        spread * scene.prototypes.var[:, None]).sqrt()
    assert standard.shape == (NUM_CLASSES, 2000, DIMS)
    assert standard.mean(1).abs().max() < 5 / 2000**0.5
    assert (standard.var(1) - 1).abs().max() < 5 * (2 / 2000)**0.5


def test_virtual_negatives_count_as_often_as_their_class_is_drawn():
    scene, classes = make_scene(), torch.tensor([0, 3])
    scores, log_weight = VirtualNegatives(500).score(
        make_anchors(2, 3), classes, scene)
    assert scores.shape == (2, 3, 500)
    weight = log_weight.exp().view(2, NUM_CLASSES, 100).sum(2)
    torch.testing.assert_close(
        weight, 500 * scene.class_probabilities(classes, scene.available))


@pytest.mark.parametrize('normalize', [True, False])
def test_virtual_negatives_score_like_any_gaussian(normalize):
    """The drawn means with the variance of their prototype."""
    scene, anchors = make_scene(normalize=normalize), make_anchors(2, 3)
    torch.manual_seed(1)
    scores, _ = VirtualNegatives(20).score(anchors, torch.tensor([0, 3]),
                                           scene)
    torch.manual_seed(1)
    means = scene.prototypes.sample(4)
    expected = mutual_likelihood_score(
        anchors.mean[:, :, None, None],
        anchors.var[:, :, None, None],
        means,
        scene.prototypes.var[:, None].expand_as(means),
        normalize=normalize)
    torch.testing.assert_close(
        scores, expected.flatten(2), rtol=1e-5, atol=1e-4)


def test_virtual_negatives_without_spread_are_the_prototypes():
    scene, anchors = make_scene(), make_anchors(1, 2)
    scores, _ = VirtualNegatives(
        10, spread=0).score(anchors, torch.tensor([0]), scene)
    every = torch.arange(NUM_CLASSES)[None]
    torch.testing.assert_close(
        scores[..., ::2],
        scene.similarity.score(anchors, scene.prototypes, every))
    assert scores[..., ::2].equal(scores[..., 1::2])


@pytest.mark.parametrize('source', [PixelNegatives, VirtualNegatives])
def test_no_negatives_at_all_is_refused(source):
    with pytest.raises(ValueError, match='loss.negatives.num_negatives=0'):
        source(num_negatives=0)


def test_a_source_of_ones_own_can_be_named_in_the_config():

    @MODELS.register_module(name='OriginNegatives', force=True)
    class OriginNegatives(Negatives):
        """One negative for all: the standard normal."""

        def candidates(self, scene):
            return scene.available

        def score(self, anchors, classes, scene):
            key = DiagonalGaussian(torch.zeros(1, DIMS), torch.ones(1, DIMS))
            return NegativeScores.once_each(
                scene.similarity.score(anchors, key, classes[:, None] * 0))

    try:
        loss = MLSContrastLoss(negatives=dict(type='OriginNegatives'))
    finally:
        MODELS.module_dict.pop('OriginNegatives')
    scene = make_scene()
    label, valid = make_label()
    evidence = ClassEvidence.from_pixels(scene.pixels, label, valid,
                                         NUM_CLASSES)
    losses = loss(scene.pixels, label, valid, torch.zeros(80), evidence,
                  PrototypeBank(NUM_CLASSES, DIMS), scene.similarity)
    assert losses['loss_contrast'] > 0 and losses['anchor_classes'] == 4
