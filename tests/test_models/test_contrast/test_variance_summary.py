# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import tiny
import torch
from mmseg.registry import MODELS

from prcl_mmseg.gaussian import DiagonalGaussian, mutual_likelihood_score
from prcl_mmseg.models import MutualLikelihood
from prcl_mmseg.models.contrast.variance_summary import (arithmetic_mean,
                                                         effective_variance,
                                                         geometric_mean)


def make_pixels(dims: int = 5) -> tuple:
    mean = torch.randn(2, dims, 4, 3)
    var = 0.1 + torch.rand(2, dims, 4, 3)
    prototypes = DiagonalGaussian(
        torch.randn(3, dims), 0.1 + torch.rand(3, dims))
    return DiagonalGaussian(mean, var), prototypes


def test_means():
    var = torch.tensor([1.0, 4.0]).view(1, 2, 1, 1)
    assert arithmetic_mean(var).item() == 2.5
    assert geometric_mean(var).item() == pytest.approx(2)


def summarize(similarity: MutualLikelihood, pixels: DiagonalGaussian,
              prototypes: DiagonalGaussian,
              seen: torch.Tensor) -> torch.Tensor:
    scores = similarity.score_maps(pixels, prototypes)
    return effective_variance(
        similarity.average(scores, pixels.mean.shape[1]), seen)


@pytest.mark.parametrize('reduction', ['sum', 'mean'])
@pytest.mark.parametrize('normalize', [True, False])
def test_effective_variance_follows_the_best_score(normalize, reduction):
    """The one averaged over D, without τ, however the contrast scores."""
    pixels, prototypes = make_pixels()
    mean, var = pixels.mean, pixels.var
    result = summarize(
        MutualLikelihood(normalize, reduction, temperature=3.0), pixels,
        prototypes, torch.tensor([True, False, True]))
    assert result.shape == (2, 1, 4, 3)
    for image in range(2):
        for y in range(4):
            for x in range(3):
                score = mutual_likelihood_score(
                    mean[image, :, y, x], var[image, :, y, x],
                    prototypes.mean[[0, 2]], prototypes.var[[0, 2]],
                    reduction='mean', normalize=normalize).max()
                torch.testing.assert_close(result[image, 0, y, x],
                                           (-2 * score).exp())


def test_effective_variance_on_a_prototype_and_far_away():
    prototypes = DiagonalGaussian(torch.ones(1, 4), torch.full((1, 4), 0.3))
    mean = torch.stack([torch.ones(4), torch.full((4, ), 1e4)], -1)
    var = torch.full((4, 2), 0.2)
    near, far = summarize(
        MutualLikelihood(normalize=False),
        DiagonalGaussian(mean.view(1, 4, 1, 2), var.view(1, 4, 1, 2)),
        prototypes, torch.tensor([True])).flatten()
    assert near.item() == pytest.approx(0.5)
    assert far.isfinite() and far > 1e20


def test_effective_variance_before_any_prototype():
    pixels, _ = make_pixels()
    start = DiagonalGaussian(torch.zeros(3, 5), torch.ones(3, 5))
    result = summarize(MutualLikelihood(), pixels, start,
                       torch.zeros(3).bool())
    assert result.isfinite().all()


def build(summary: str):
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='SemiSegmentor',
            segmentor=tiny.segmentor(),
            num_classes=3,
            teacher=dict(type='EMATeacher'),
            terms=dict(
                contrast=dict(
                    type='PrototypeContrast',
                    head=dict(
                        type='ProbabilisticDecodeHead',
                        embed_dims=4,
                        embed_stride=4),
                    variance_summary=summary)))).eval()


def test_prediction_gives_the_summary_that_was_asked_for():
    images = torch.randn(1, 3, 32, 32)
    models = {name: build(name) for name in ('mean', 'log_mean', 'prototype')}
    maps = {}
    for name, model in models.items():
        bank = model.terms['contrast'].bank
        bank.count += 10
        bank.precision += 20
        with torch.no_grad():
            sample = model.predict(images)[0]
        maps[name] = sample.pred_variance.data
        assert maps[name].shape == (1, 32, 32)
        torch.testing.assert_close(
            sample.seg_logits.data, models['mean'].encode_decode(
                images, [dict(ori_shape=(32, 32), img_shape=(32, 32))])[0])
    # Geometric below arithmetic; a prototype adds its own variance, 1/2.
    assert (maps['log_mean'] < maps['mean']).all()
    assert (maps['prototype'] > maps['log_mean'] + 0.4).all()


def test_unknown_summary_is_refused():
    with pytest.raises(ValueError, match="contrast.variance_summary='median'"):
        build('median')
