# Copyright (c) prcl_mmseg authors. All rights reserved.
import copy

import pytest
import tiny
import torch
from mmseg.registry import MODELS

from prcl_mmseg.models import ProbabilisticDecodeHead

ASPP = dict(
    type='DepthwiseSeparableASPPHead',
    in_channels=32,
    in_index=1,
    channels=256,
    dilations=(1, 6),
    c1_in_channels=16,
    c1_channels=48,
    num_classes=3,
    norm_cfg=tiny.BN)


def wrap(head: dict, **settings) -> ProbabilisticDecodeHead:
    return MODELS.build(
        dict(
            type='ProbabilisticDecodeHead',
            head=head,
            embed_dims=6,
            **settings))


def make_features() -> list:
    return [torch.randn(2, 8, 16, 16), torch.randn(2, 16, 8, 8)]


def test_logits_and_losses_are_the_plain_heads():
    head = wrap(tiny.fcn_head())
    plain = copy.deepcopy(head.head)
    features, samples = make_features(), tiny.samples(2)
    torch.testing.assert_close(head(features), plain(features))
    losses = head.loss(features, samples, {})
    expected = plain.loss(features, samples, {})
    assert losses.keys() == expected.keys()
    for name in losses:
        torch.testing.assert_close(losses[name], expected[name])
    for name in ('align_corners', 'num_classes', 'out_channels', 'threshold',
                 'ignore_index'):
        assert getattr(head, name) == getattr(plain, name)


def test_embedding_is_a_gaussian_per_pixel():
    head = wrap(tiny.fcn_head())
    features = make_features()
    output = head.forward_probabilistic(features, image_size=(32, 32))
    mean, var = output.embedding.mean, output.embedding.var
    assert mean.shape == var.shape == (2, 6, 8, 8)
    assert var.min() > 0
    assert output.head_output.shape == (2, 3, 8, 8)


def test_fine_features_are_embedded_at_the_stride():
    head = wrap(tiny.fcn_head(), embed_stride=4)
    output = head.forward_probabilistic(
        make_features(), image_size=(16, 10))
    assert output.embedding.mean.shape == (2, 6, 4, 3)
    assert output.head_output.shape == (2, 3, 8, 8)


def test_a_named_layer_is_tapped():
    head = wrap(ASPP, tap='sep_bottleneck')
    assert head.mean_branch[0].in_channels == 304
    features = [torch.randn(2, 16, 16, 16), torch.randn(2, 32, 8, 8)]
    output = head.forward_probabilistic(features, image_size=(64, 64))
    assert output.embedding.mean.shape == (2, 6, 16, 16)


def test_unknown_layer_is_named_with_those_there_are():
    with pytest.raises(ValueError) as error:
        wrap(tiny.fcn_head(), tap='fusion')
    for part in ("probabilistic_head.tap='fusion'", 'FCNHead', 'conv_seg'):
        assert part in str(error.value)


def test_layer_without_channels_is_refused():
    with pytest.raises(ValueError, match="tap='loss_decode'"):
        wrap(tiny.fcn_head(), tap='loss_decode')


def test_the_tap_leaves_no_hook_behind():
    head = wrap(tiny.fcn_head())
    head.forward_probabilistic(make_features(), image_size=(32, 32))
    twin = copy.deepcopy(head)
    assert not head.head.conv_seg._forward_pre_hooks
    assert not twin.head.conv_seg._forward_pre_hooks
    assert 'forward' not in vars(head.head)


def test_a_recorded_prediction_is_embedded_as_in_training():
    head = wrap(tiny.fcn_head()).eval()
    features = make_features()
    metas = [dict(img_shape=(32, 32), pad_shape=(32, 32))] * 2
    with head.record() as recording:
        head.predict(features, metas, {})
    recorded = head.embed(recording, (32, 32))
    expected = head.forward_probabilistic(
        features, image_size=(32, 32)).embedding
    torch.testing.assert_close(recorded.mean, expected.mean)
    torch.testing.assert_close(recorded.var, expected.var)


def test_weights_of_the_plain_head_load():
    head, plain = wrap(tiny.fcn_head()), MODELS.build(tiny.fcn_head())
    missing, unexpected = head.load_state_dict(
        plain.state_dict(), strict=False)
    assert not unexpected
    assert all('branch' in name for name in missing)
    assert head.head.conv_seg.weight.equal(plain.conv_seg.weight)


def test_norm_of_the_branches_follows_the_head():
    head = wrap(tiny.fcn_head(norm_cfg=dict(type='SyncBN')))
    assert isinstance(head.variance_branch.norm1, torch.nn.SyncBatchNorm)
    head = wrap(tiny.fcn_head(norm_cfg=dict(type='GN', num_groups=2)))
    assert isinstance(head.variance_branch.norm1, torch.nn.BatchNorm2d)
