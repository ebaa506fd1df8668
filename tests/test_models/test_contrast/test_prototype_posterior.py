# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import tiny
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

from prcl_mmseg.gaussian import DiagonalGaussian
from prcl_mmseg.models import MutualLikelihood
from prcl_mmseg.models.contrast.prototype_posterior import class_log_posterior
from prcl_mmseg.models.strategies.labeler import fuse_logits


def make_pixels(dims: int = 5) -> tuple:
    torch.manual_seed(0)
    pixels = DiagonalGaussian(
        torch.randn(2, dims, 4, 3), 0.1 + torch.rand(2, dims, 4, 3))
    prototypes = DiagonalGaussian(
        torch.randn(3, dims), 0.1 + torch.rand(3, dims))
    return pixels, prototypes


@pytest.mark.parametrize('normalize', [True, False])
def test_posterior_is_bayes_rule(normalize):
    pixels, prototypes = make_pixels()
    scores = MutualLikelihood(normalize).score_maps(pixels, prototypes)
    result = class_log_posterior(scores, torch.ones(3).bool(), 0.7)
    assert result.shape == (2, 3, 4, 3)
    means = prototypes.mean, pixels.mean[1, :, 2, 1]
    if normalize:
        means = [F.normalize(vector, dim=-1) for vector in means]
    spread = (prototypes.var + pixels.var[1, :, 2, 1]).sqrt()
    likelihood = torch.distributions.Normal(means[0], spread).log_prob(
        means[1]).sum(1).div(0.7).exp()
    torch.testing.assert_close(result[1, :, 2, 1].exp(),
                               likelihood / likelihood.sum())


@pytest.mark.parametrize('seen', [[1, 0, 1], [0, 1, 0], [0, 0, 0]])
def test_classes_without_prototype_have_their_share_of_chance(seen):
    pixels, prototypes = make_pixels()
    seen = torch.tensor(seen).bool()
    scores = MutualLikelihood().score_maps(pixels, prototypes)
    result = class_log_posterior(scores, seen).exp()
    torch.testing.assert_close(result.sum(1), torch.ones(2, 4, 3))
    torch.testing.assert_close(
        result[:, ~seen], torch.full_like(result[:, ~seen], 1 / 3))
    among_seen = scores[:, seen].softmax(1) * seen.sum() / 3
    torch.testing.assert_close(result[:, seen], among_seen)


def test_fused_probabilities_are_the_product():
    logits = torch.randn(2, 3, 4, 4)
    log_posterior = torch.randn(2, 3, 4, 4).log_softmax(1)
    fused = fuse_logits(logits, log_posterior, 0.6).softmax(1)
    product = logits.softmax(1) * log_posterior.exp()**0.6
    torch.testing.assert_close(fused, product / product.sum(1, keepdim=True))


def test_one_channel_is_fused_as_two_are():
    logit = torch.randn(2, 1, 4, 4)
    log_posterior = torch.randn(2, 2, 4, 4).log_softmax(1)
    one = fuse_logits(logit, log_posterior, 0.6).sigmoid()
    two = fuse_logits(
        torch.cat([torch.zeros_like(logit), logit], 1), log_posterior, 0.6)
    torch.testing.assert_close(one[:, 0], two.softmax(1)[:, 1])


def build(seen: list = (1, 1, 1), **labeler):
    """A model whose bank has seen some classes, each in its direction."""
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='SemiSegmentor',
            segmentor=tiny.segmentor(),
            num_classes=3,
            teacher=dict(type='EMATeacher'),
            strategy=dict(
                type='WeakToStrong', labeler=dict(type='Labeler', **labeler)),
            terms=dict(
                contrast=dict(
                    type='PrototypeContrast',
                    head=dict(
                        type='ProbabilisticDecodeHead',
                        embed_dims=4,
                        embed_stride=4))))).eval()
    bank = model.terms['contrast'].bank
    bank.count += 10 * torch.tensor(seen)
    bank.precision += 20
    bank.information += 20 * torch.eye(3, 4)
    return model


def test_prediction_gives_the_posterior_of_the_predicted_class():
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        sample = build([0, 1, 0]).predict(images)[0]
    # Of one class that has been seen nothing is known but chance.
    posterior = sample.pred_posterior.data
    torch.testing.assert_close(posterior, torch.full((1, 32, 32), 1 / 3))
    with torch.no_grad():
        sample = build().predict(images)[0]
    assert sample.pred_posterior.data.std() > 0


def test_prototypes_join_the_pseudo_labels_but_not_the_predictions():
    images = torch.randn(2, 3, 32, 32)
    samples = tiny.samples(2, labeled=False)
    alone, both = build(), build(prototype_weight=0.5)
    with torch.no_grad():
        logits, _ = alone.weak_pass('teacher', images, embed=False)
        fused = both.strategy.labeler._join(
            both, *both.weak_pass('teacher', images, embed=True))
        assert not torch.allclose(logits, fused)
        predicted = both.predict(images, samples)
        pseudo = both.pseudo_label(images, samples)
        plain = alone.pseudo_label(images, samples)
    assert plain.label.equal(logits.argmax(1))
    torch.testing.assert_close(plain.confidence, logits.softmax(1).amax(1))
    assert pseudo.label.equal(fused.argmax(1))
    torch.testing.assert_close(pseudo.confidence, fused.softmax(1).amax(1))
    # The change is that of the log posterior, by its weight.
    change = (fused - logits) / 0.5
    relative = change - change.logsumexp(1, keepdim=True)
    for index, sample in enumerate(predicted):
        torch.testing.assert_close(sample.seg_logits.data, logits[index])
        label = sample.pred_sem_seg.data
        torch.testing.assert_close(
            relative[index].gather(0, label).exp(),
            sample.pred_posterior.data, rtol=0.05, atol=0.01)


def test_a_negative_weight_is_refused():
    with pytest.raises(ValueError, match='labeler.prototype_weight=-1'):
        build(prototype_weight=-1)
