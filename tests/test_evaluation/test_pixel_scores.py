# Copyright (c) prcl_mmseg authors. All rights reserved.
import torch

from prcl_mmseg.evaluation import max_softmax, pixel_scores


def test_scores_against_double_precision():
    logits = 4 * torch.randn(5, 6, 7)
    var = torch.rand(1, 6, 7)
    posterior = torch.rand(1, 6, 7)
    scores = pixel_scores(
        dict(
            seg_logits=logits, pred_variance=var, pred_posterior=posterior),
        ('variance', 'softmax', 'entropy', 'product', 'prototype',
         'prototype_product'))
    prob = logits.double().softmax(0)
    doubt = 1 - prob.amax(0)
    torch.testing.assert_close(scores['variance'], var[0])
    torch.testing.assert_close(
        scores['softmax'].double(), (doubt / (1 - doubt)).log(),
        rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        scores['entropy'].double(),
        torch.distributions.Categorical(prob.permute(1, 2, 0)).entropy(),
        rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        scores['product'].double(), (var[0] * doubt).log(),
        rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores['prototype'], 1 - posterior[0])
    torch.testing.assert_close(
        scores['prototype_product'].double(),
        ((1 - posterior[0]) * doubt).log(), rtol=1e-4, atol=1e-4)


def test_one_channel_is_a_sigmoid():
    prob = torch.rand(1, 4, 4)
    both = torch.cat([1 - prob, prob]).log()
    one = pixel_scores(dict(seg_logits=prob), ('softmax', 'entropy'))
    two = pixel_scores(dict(seg_logits=both), ('softmax', 'entropy'))
    for name in one:
        torch.testing.assert_close(
            one[name], two[name], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        max_softmax(prob), torch.maximum(prob, 1 - prob)[0])
    certain = pixel_scores(
        dict(seg_logits=torch.tensor([[[0.0, 1.0]]])), ('softmax', ))
    assert certain['softmax'].isfinite().all()


def test_order_survives_where_the_softmax_is_one():
    logits = torch.tensor([[[30.0, 40.0, 50.0]], [[0.0, 0.0, 0.0]]])
    assert (logits.softmax(0).amax(0) == 1).all()
    score = pixel_scores(dict(seg_logits=logits), ('softmax', ))['softmax']
    assert (score[0].diff() < 0).all()


def test_a_certain_prototype_gives_a_finite_product():
    scores = pixel_scores(
        dict(seg_logits=torch.zeros(2, 1, 1),
             pred_posterior=torch.ones(1, 1, 1)), ('prototype_product', ))
    assert scores['prototype_product'].isfinite().all()
