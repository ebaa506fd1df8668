# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict

import pytest
import torch
from mmseg.registry import MODELS

from prcl_mmseg.models import ChannelDropout, ComplementaryDropout
from prcl_mmseg.models.structures import tensors_of

SIZES = dict(labeled=2, strong=5, strong2=5)
CHANNELS = 64


def make_features(num: int = 12) -> tuple:
    """All kinds: 64 channels in maps, tokens and vectors, and 48."""
    return (torch.randn(num, CHANNELS, 3, 4),
            [torch.randn(num, 7, CHANNELS), torch.randn(num, CHANNELS)],
            dict(fine=torch.randn(num, 48, 6, 8), other=None))


def factors_of(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """The factor of each image and channel, (N, C); a power of 2, or 0."""
    assert after.shape == before.shape and after.dtype == before.dtype
    factors = after / before
    if factors.dim() == 4:
        factors = factors.flatten(2).transpose(1, 2)
    elif factors.dim() == 2:
        factors = factors[:, None]
    # The same at all places.
    first = factors[:, 0]
    assert factors.equal(first[:, None].expand_as(factors))
    return first


def perturb(perturbation, features=None, sizes: Dict[str, int] = SIZES):
    """Factors of the views, for each of the features."""
    features = make_features() if features is None else features
    result = []
    for before, after in zip(
            tensors_of(features), tensors_of(perturbation(features, sizes))):
        parts = factors_of(before, after).split(list(sizes.values()))
        result.append(dict(zip(sizes, parts)))
    return result


@pytest.mark.parametrize('perturbation', (
    ChannelDropout(views=('strong', )), ComplementaryDropout()))
def test_nests_keep_their_kinds_and_their_input(perturbation):
    features = make_features()
    before = [tensor.clone() for tensor in tensors_of(features)]
    result = perturbation(features, SIZES)
    assert isinstance(result, tuple) and isinstance(result[1], list)
    assert list(result[2]) == ['fine', 'other'] and result[2]['other'] is None
    for tensor, same, other in zip(
            tensors_of(features), before, tensors_of(result)):
        assert tensor.equal(same) and not other.equal(same)
    single = perturbation(features[0], SIZES)
    assert isinstance(single, torch.Tensor)


@pytest.mark.parametrize('perturbation', (
    ChannelDropout(views=('strong2', )),
    ChannelDropout(views=('strong', 'strong2')),
    ComplementaryDropout()))
def test_other_views_are_left_as_they_are(perturbation):
    sizes = dict(labeled=2, strong=5, weak=5, strong2=5)
    features = make_features(17)
    result = perturbation(features, sizes)
    for before, after in zip(tensors_of(features), tensors_of(result)):
        parts = [dict(zip(sizes, tensor.split(list(sizes.values()))))
                 for tensor in (before, after)]
        for name in sizes:
            same = parts[0][name].equal(parts[1][name])
            assert same == (name not in perturbation.views), name


def test_features_of_as_many_channels_get_the_same_factors():
    perturbation = ComplementaryDropout()
    maps, tokens, vectors, fine = perturb(perturbation)
    for name in SIZES:
        assert maps[name].equal(tokens[name])
        assert maps[name].equal(vectors[name])
        assert fine[name].shape == (SIZES[name], 48)
    assert not fine['strong'].equal(maps['strong'][:, :48])
    again = perturb(perturbation)[0]
    assert not again['strong'].equal(maps['strong'])


def test_channel_dropout_draws_for_each_feature():
    features = (torch.ones(4, 64, 2, 2), torch.ones(4, 64, 1, 1))
    one, two = ChannelDropout(views=('strong', ))(
        features, dict(labeled=2, strong=2))
    assert not one[2:, :, 0, 0].equal(two[2:, :, 0, 0])
    assert one[:2].eq(1).all() and two[:2].eq(1).all()


def test_complementary_factors_add_to_two():
    for factors in perturb(ComplementaryDropout(kept=0.0)):
        one, other = factors['strong'], factors['strong2']
        assert (one + other).eq(2).all()
        assert set(one.unique().tolist()) == {0, 2}


@pytest.mark.parametrize('views', (('strong', 'strong2'),
                                   ('strong2', 'strong')))
def test_the_first_view_is_the_one_that_is_named_first(views):
    """Which of the two gets m is told by the names, not by the order."""

    class OnceAndFourTimes(ComplementaryDropout):

        def draw(self, num, channels, device):
            return torch.ones(num, channels), torch.full((num, channels), 4.)

    factors = perturb(OnceAndFourTimes(views))[0]
    assert factors[views[0]].eq(1).all() and factors[views[1]].eq(4).all()


@pytest.mark.parametrize('kept, number', ((0.5, 2), (0.0, 0), (1.0, 5),
                                          (0.2, 1), (0.19, 0)))
def test_a_share_of_the_images_is_kept(kept, number):
    perturbation = ComplementaryDropout(kept=kept)
    for factors in perturb(perturbation):
        same = [factors[name].eq(1).all(1) for name in ('strong', 'strong2')]
        assert same[0].equal(same[1]) and same[0].sum() == number
        assert not factors['strong'][~same[0]].eq(1).any()


def test_every_image_and_channel_has_the_same_chance():
    torch.manual_seed(0)
    kept, upper, steps = torch.zeros(5), torch.zeros(16), 2000
    perturbation, features = ComplementaryDropout(), torch.ones(12, 16)
    for _ in range(steps):
        factors = perturbation(features, SIZES)[2:7]
        kept += factors.eq(1).all(1)
        upper += (factors == 2).sum(0)
    for share, prob, number in ((kept / steps, 2 / 5, steps),
                                (upper / (3 * steps), 1 / 2, 3 * steps)):
        error = (prob * (1 - prob) / number)**0.5
        assert ((share - prob).abs() < 4 * error).all()


@pytest.mark.parametrize('prob', (0.5, 0.25, 0.0))
def test_dropped_channels_are_made_up_for_by_the_others(prob):
    torch.manual_seed(0)
    sizes = dict(labeled=2, dropped=400)
    perturbation = ChannelDropout(prob=prob)
    factors = perturbation(torch.ones(402, CHANNELS, 1, 1), sizes)
    factors = factors[2:, :, 0, 0]
    scale = torch.tensor(1 / (1 - prob))
    kept = factors == scale
    assert (kept | (factors == 0)).all()
    error = (prob * (1 - prob) / kept.numel())**0.5
    assert abs(kept.float().mean() - (1 - prob)) <= 4 * error
    # By itself: no image and no channel goes as one.
    for dim, number in ((0, 400), (1, CHANNELS)):
        share = kept.float().mean(dim)
        error = (prob * (1 - prob) / number)**0.5
        assert ((share - (1 - prob)).abs() <= 5 * error).all()
    assert abs(factors.mean() - 1) < 0.05


def test_each_view_drops_channels_of_its_own():
    factors = perturb(ChannelDropout(views=('strong', 'strong2')))[0]
    assert 0.3 < (factors['strong'] == factors['strong2']).float().mean() < 0.7


@pytest.mark.parametrize('dtype', (torch.float16, torch.bfloat16))
def test_features_keep_their_dtype(dtype):
    features = torch.ones(12, CHANNELS, 2, 2, dtype=dtype)
    result = ComplementaryDropout()(features, SIZES)
    assert result.dtype == dtype
    assert set(result.unique().tolist()) == {0, 1, 2}


def test_gradients_are_scaled_alike():
    features = torch.randn(12, CHANNELS, 2, 2, requires_grad=True)
    result = ComplementaryDropout()(features, SIZES)
    result.sum().backward()
    torch.testing.assert_close(features.grad * features, result)


@pytest.mark.parametrize('settings, message', (
    (dict(type='ChannelDropout', prob=1), 'prob=1 '),
    (dict(type='ChannelDropout', prob=-0.1), 'prob=-0.1'),
    (dict(type='ComplementaryDropout', kept=1.5), 'kept=1.5'),
    (dict(type='ComplementaryDropout', kept=-1), 'kept=-1'),
    (dict(type='ComplementaryDropout', views=('a', )), "views=.'a'"),
    (dict(type='ComplementaryDropout', views=('a', 'b', 'c')), 'two views'),
))
def test_bad_settings_are_named(settings, message):
    with pytest.raises(
            ValueError,
            match=rf'strategy\.feature_perturbation\..*{message}'):
        MODELS.build(settings)


def test_a_view_that_there_is_not_is_named():
    cfg = dict(
        type='WeakToStrong',
        feature_perturbation=dict(type='ChannelDropout', views=('other', )))
    with pytest.raises(ValueError, match=r"views=\['other'\].*\['strong'\]"):
        MODELS.build(cfg)


def test_labelled_batches_are_not_perturbed():
    strategy = MODELS.build(
        dict(
            type='WeakToStrong',
            feature_perturbation=dict(
                type='ChannelDropout', views=('strong', ))))
    features = make_features(2)
    assert strategy.perturb(features, dict(labeled=[0, 0])) is features
    views = dict(labeled=[0], strong=[0])
    assert not strategy.perturb(features, views)[0].equal(features[0])
