# Copyright (c) prcl_mmseg authors. All rights reserved.
"""From logits to the doubt of pixels and the score of an image."""
from math import log
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from prcl_mmseg.selection import check_criterion, pixel_doubt, score_image


def logits_of(*probs) -> torch.Tensor:
    """Logits (C, 1, W) of W pixels with these class probabilities."""
    return torch.tensor(probs).T[:, None].log()


def test_entropy_and_margin():
    prediction = dict(seg_logits=logits_of([.5, .3, .2], [1., 1e-30, 1e-30]))
    entropy = pixel_doubt(prediction, 'entropy')
    expected = -(.5 * log(.5) + .3 * log(.3) + .2 * log(.2))
    assert entropy[0].tolist() == pytest.approx([expected, 0], abs=1e-6)
    margin = pixel_doubt(prediction, 'margin')
    assert margin[0].tolist() == pytest.approx([-.2, -1])


def test_one_channel_has_two_classes():
    # mmseg gives the sigmoid.
    prediction = dict(seg_logits=torch.tensor([[[.5, .9]]]))
    assert pixel_doubt(prediction, 'margin')[0].tolist() == pytest.approx(
        [0, -.8], abs=1e-6)


def test_maps_of_the_contrast():
    prediction = dict(
        pred_variance=torch.tensor([[[3., 1.]]]),
        pred_posterior=torch.tensor([[[.9, .2]]]))
    assert pixel_doubt(prediction, 'variance').tolist() == [[3, 1]]
    assert pixel_doubt(prediction, 'posterior')[0].tolist() == pytest.approx(
        [.1, .8])


def test_a_large_class_does_not_decide():
    # 98 sure pixels of sky, and an object of 2 doubtful pixels.
    label = torch.tensor([0] * 98 + [2] * 2)
    doubt = torch.tensor([.1] * 98 + [.8, .6])
    found = score_image(doubt, label, 4)
    assert found.score == pytest.approx((.1 + .7) / 2)
    np.testing.assert_allclose(
        found.class_doubt, [.1, np.nan, .7, np.nan], rtol=1e-6)
    assert found.doubtful_classes() == [2, 0]


def test_specks_do_not_count():
    """A pixel in 1000 says nothing of the image."""
    label = torch.tensor([0] * 999 + [2])
    doubt = torch.tensor([.1] * 999 + [2.5])
    found = score_image(doubt, label, 3)
    assert found.score == pytest.approx(.1)
    assert found.doubtful_classes() == [0]
    # Unless there is nothing else.
    assert score_image(torch.ones(300), torch.arange(300), 300).score == 1


def model_with(*names) -> SimpleNamespace:
    return SimpleNamespace(terms=dict(one=SimpleNamespace(map_names=names)))


@pytest.mark.parametrize('by, model, views, words', [
    ('variance', model_with(), 2, 'entropy, margin, views, random'),
    ('posterior', torch.nn.Identity(), 0, 'entropy, margin, random'),
    ('views', model_with('pred_variance', 'pred_posterior'), 1,
     'variance, entropy, margin, posterior, random'),
])
def test_what_does_not_work_names_what_does(by, model, views, words):
    with pytest.raises(ValueError) as error:
        check_criterion(by, model, views)
    assert f'--by {by} needs' in str(error.value)
    assert str(error.value).endswith(f'Use one of {words}')
    check_criterion('margin', model, views)
