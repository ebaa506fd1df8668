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
            **{
                **dict(embed_dims=6, embed_stride=4),
                **settings
            }))


def run(head: ProbabilisticDecodeHead, features: list, image_size: tuple
        ) -> tuple:
    """What the head gives, and the embedding."""
    with head.record() as recorded:
        output = head(features)
    return output, head.embed(recorded, image_size)


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
    output, embedding = run(head, features, (32, 32))
    mean, var = embedding.mean, embedding.var
    assert mean.shape == var.shape == (2, 6, 8, 8)
    assert var.min() > 0
    assert output.shape == (2, 3, 8, 8)


def test_fine_features_are_embedded_at_the_stride():
    head = wrap(tiny.fcn_head())
    output, embedding = run(head, make_features(), (16, 10))
    assert embedding.mean.shape == (2, 6, 4, 3)
    assert output.shape == (2, 3, 8, 8)


def test_defaults():
    head = MODELS.build(
        dict(type='ProbabilisticDecodeHead', head=tiny.fcn_head()))
    assert head.feature_layer == 'conv_seg'
    _, embedding = run(head, make_features(), (32, 32))
    assert embedding.mean.shape == (2, 256, 4, 4)
    assert embedding.var.median() < 0.2


def test_a_named_layer_is_embedded():
    head = wrap(ASPP, feature_layer='sep_bottleneck')
    assert head.mean_branch[0].in_channels == 304
    features = [torch.randn(2, 16, 16, 16), torch.randn(2, 32, 8, 8)]
    _, embedding = run(head, features, (64, 64))
    assert embedding.mean.shape == (2, 6, 16, 16)


def test_unknown_layer_is_named_with_those_there_are():
    with pytest.raises(ValueError) as error:
        wrap(tiny.fcn_head(), feature_layer='fusion')
    for part in ("contrast.head.feature_layer='fusion'", 'FCNHead',
                 'conv_seg'):
        assert part in str(error.value)


def test_layer_without_channels_is_refused():
    with pytest.raises(ValueError, match="feature_layer='loss_decode'"):
        wrap(tiny.fcn_head(), feature_layer='loss_decode')


def test_recording_leaves_nothing_behind():
    head = wrap(tiny.fcn_head())
    before = dict(head.head.conv_seg._forward_pre_hooks)
    run(head, make_features(), (32, 32))
    assert dict(head.head.conv_seg._forward_pre_hooks) == before
    assert len(before) == 1
    assert 'forward' not in vars(head.head)


def test_a_copy_embeds_its_own_feature():
    head = wrap(tiny.fcn_head()).eval()
    twin, features = copy.deepcopy(head), make_features()
    with torch.no_grad():
        twin.head.convs[0].conv.weight.neg_()
    before, own, after = (
        run(each, features, (32, 32))[1] for each in (head, twin, head))
    assert before.mean.equal(after.mean) and before.var.equal(after.var)
    assert not torch.allclose(own.mean, before.mean)
    expected = twin.mean_branch(twin.head.convs(features[1]))
    torch.testing.assert_close(own.mean, expected)


def test_a_recorded_prediction_is_embedded_as_in_training():
    head = wrap(tiny.fcn_head()).eval()
    features = make_features()
    metas = [dict(img_shape=(32, 32), pad_shape=(32, 32))] * 2
    with head.record() as recording:
        head.predict(features, metas, {})
    recorded = head.embed(recording, (32, 32))
    _, expected = run(head, features, (32, 32))
    torch.testing.assert_close(recorded.mean, expected.mean)
    torch.testing.assert_close(recorded.var, expected.var)


def test_weights_of_the_plain_head_load():
    head, plain = wrap(tiny.fcn_head()), MODELS.build(tiny.fcn_head())
    missing, unexpected = head.load_state_dict(
        plain.state_dict(), strict=False)
    assert not unexpected
    assert all('branch' in name for name in missing)
    assert head.head.conv_seg.weight.equal(plain.conv_seg.weight)


def test_a_plain_head_may_have_a_part_called_head():
    ddr = tiny.fcn_head(type='DDRHead', norm_cfg=tiny.BN)
    for name in ('num_convs', 'concat_input'):
        del ddr[name]
    plain = MODELS.build(ddr)
    # Into a plain name, from a plain and from a wrapped one.
    for weights in (plain.state_dict(), wrap(ddr).state_dict()):
        head = wrap(ddr)
        missing, unexpected = head.load_state_dict(weights, strict=False)
        assert not unexpected
        assert all(name.startswith(('mean_', 'variance_')) for name in missing)
        key = 'head.1.weight' if 'conv_seg.weight' in weights else \
            'head.head.1.weight'
        assert head.head.head[1].weight.equal(weights[key])


def test_norm_of_the_branches_follows_the_head():
    head = wrap(tiny.fcn_head(norm_cfg=dict(type='SyncBN')))
    assert isinstance(head.variance_branch.norm1, torch.nn.SyncBatchNorm)
    head = wrap(tiny.fcn_head(norm_cfg=dict(type='GN', num_groups=2)))
    assert isinstance(head.variance_branch.norm1, torch.nn.BatchNorm2d)
