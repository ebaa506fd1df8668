# Copyright (c) prcl_mmseg authors. All rights reserved.
from dataclasses import FrozenInstanceError

import pytest
import torch
from mmseg.registry import MODELS

from prcl_mmseg.gaussian import DiagonalGaussian, mutual_likelihood_score
from prcl_mmseg.models import MutualLikelihood
from prcl_mmseg.models.contrast.similarity import PIXELS_AT_ONCE


def gaussian(*shape: int) -> DiagonalGaussian:
    return DiagonalGaussian(2 * torch.randn(shape), 0.1 + torch.rand(shape))


@pytest.fixture(params=[(True, 'sum'), (False, 'sum'), (True, 'mean'),
                        (False, 'mean')])
def similarity(request) -> MutualLikelihood:
    normalize, reduction = request.param
    # Scores themselves are not divided by τ.
    return MODELS.build(
        dict(
            type='MutualLikelihood',
            normalize=normalize,
            reduction=reduction,
            temperature=7.0))


def direct(similarity: MutualLikelihood, mean1, var1, mean2,
           var2) -> torch.Tensor:
    return mutual_likelihood_score(
        mean1,
        var1,
        mean2,
        var2,
        reduction=similarity.reduction,
        normalize=similarity.normalize)


def test_groups_meet_their_keys(similarity):
    anchors, keys = gaussian(3, 5, 6), gaussian(9, 6)
    index = torch.randint(9, (3, 4))
    chosen = keys[index]
    torch.testing.assert_close(
        similarity.score(anchors, keys, index),
        direct(similarity, anchors.mean[:, :, None], anchors.var[:, :, None],
               chosen.mean[:, None], chosen.var[:, None]))


def test_groups_meet_clusters(similarity):
    anchors, clusters = gaussian(3, 5, 6), gaussian(4, 6)
    means = clusters.mean[:, None] + torch.randn(4, 7, 6)
    expected = direct(similarity, anchors.mean[:, :, None, None],
                      anchors.var[:, :, None, None], means,
                      clusters.var[:, None].expand_as(means))
    torch.testing.assert_close(
        similarity.score_clusters(anchors, clusters, means),
        expected.flatten(2),
        rtol=1e-5,
        atol=1e-4)


@pytest.mark.parametrize('at_once', [5, 2**18])
def test_maps_meet_all_prototypes(similarity, monkeypatch, at_once):
    monkeypatch.setitem(PIXELS_AT_ONCE, 'cpu', at_once)
    pixels, prototypes = gaussian(2, 6, 4, 3), gaussian(5, 6)
    scores = similarity.score_maps(pixels, prototypes)
    assert scores.shape == (2, 5, 4, 3)
    for y in range(4):
        for x in range(3):
            torch.testing.assert_close(
                scores[1, :, y, x],
                direct(similarity, pixels.mean[1, :, y, x],
                       pixels.var[1, :, y, x], prototypes.mean,
                       prototypes.var))


def test_average_over_the_dimensions(similarity):
    one, other = gaussian(4, 6), gaussian(4, 6)
    scores = direct(similarity, one.mean, one.var, other.mean, other.var)
    torch.testing.assert_close(
        similarity.average(scores, 6),
        mutual_likelihood_score(
            one.mean, one.var, other.mean, other.var, reduction='mean',
            normalize=similarity.normalize))


def test_it_is_bayes_rule_by_default_and_does_not_change():
    similarity = MutualLikelihood()
    assert similarity == MutualLikelihood(True, 'sum', 1.0)
    with pytest.raises(FrozenInstanceError):
        similarity.temperature = 2.0


@pytest.mark.parametrize('settings, message', [
    (dict(temperature=0), 'similarity.temperature=0'),
    (dict(temperature=-1.), 'similarity.temperature=-1'),
    (dict(temperature=float('nan')), 'similarity.temperature=nan'),
    (dict(reduction='max'), "reduction='max'"),
])
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        MutualLikelihood(**settings)
