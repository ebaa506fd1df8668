# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Networks that differ in what their heads take and give."""
import logging
import sys
from pathlib import Path

import pytest
import tiny
import torch
from mmseg.models.decode_heads import FCNHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import nn

from prcl_mmseg.models import ProbabilisticDecodeHead, make_probabilistic
from prcl_mmseg.models.adaptation import adapt_segmentor
from prcl_mmseg.models.segmentors.network_pass import own_losses, run_network

CLASSES = tiny.NUM_CLASSES


def segmenter() -> dict:
    return tiny.segmentor(
        decode_head=tiny.segmenter_head(), auxiliary_head=None)


def encnet() -> dict:
    """Its head gives (logits, presence of each class)."""
    head = dict(
        tiny.fcn_head(type='EncHead', in_channels=[8, 16], in_index=(0, 1)),
        num_codes=4,
        add_lateral=False)
    for name in ('num_convs', 'concat_input'):
        del head[name]
    return tiny.segmentor(decode_head=head, auxiliary_head=None)


def boundary_head() -> dict:
    return tiny.fcn_head(
        type='STDCHead',
        in_channels=8,
        in_index=0,
        num_classes=2,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))


def auxiliary() -> dict:
    return tiny.segmentor(auxiliary_head=[
        tiny.fcn_head(in_channels=8, in_index=0), boundary_head()
    ])


def knet() -> dict:
    """Its head is made of heads, and gives the logits of each stage."""
    update = dict(
        type='KernelUpdateHead',
        num_classes=150,
        num_ffn_fcs=2,
        num_heads=2,
        num_mask_fcs=1,
        feedforward_channels=16,
        in_channels=8,
        out_channels=8,
        conv_kernel_size=1,
        ffn_act_cfg=dict(type='ReLU', inplace=True),
        with_ffn=True,
        feat_transform_cfg=dict(conv_cfg=dict(type='Conv2d'), act_cfg=None),
        kernel_updator_cfg=dict(
            type='KernelUpdator',
            in_channels=8,
            feat_channels=8,
            out_channels=8,
            act_cfg=dict(type='ReLU', inplace=True),
            norm_cfg=dict(type='LN')))
    return tiny.segmentor(
        decode_head=dict(
            type='IterativeDecodeHead',
            num_stages=2,
            kernel_update_head=[update, update],
            kernel_generate_head=tiny.fcn_head(num_classes=150)),
        auxiliary_head=None)


NETWORKS = [segmenter, encnet, auxiliary, knet, tiny.point_rend]


@MODELS.register_module()
class LogitsLastHead(BaseDecodeHead):
    """In training it gives auxiliary logits first, as PIDNet's head does."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.auxiliary = nn.Conv2d(self.channels, self.out_channels, 1)

    def forward(self, inputs):
        x = self._transform_inputs(inputs)
        if self.training:
            return self.auxiliary(x), self.cls_seg(x)
        return self.cls_seg(x)

    def loss_by_feat(self, seg_logits, batch_data_samples):
        return super().loss_by_feat(seg_logits[1], batch_data_samples)


def build(segmentor: dict, name: str = 'prcl', **settings):
    return tiny.build(name, segmentor=segmentor, **settings)


@pytest.mark.parametrize('kind', ['prcl', 'mean_teacher', 'prcl_unimatch_v2'])
@pytest.mark.parametrize('network', NETWORKS)
def test_every_trainable_parameter_learns(network, kind):
    model = build(network(), kind)
    loss, log = model.parse_losses(
        model(*tiny.semi_batch(), mode='loss'))
    assert loss.isfinite() and log['loss_pseudo'] >= 0
    if 'prcl' in kind:
        assert log['loss_contrast'] > 0
    loss.backward()
    for name, parameter in model.student.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name


@pytest.mark.parametrize('network', NETWORKS)
def test_predictions_are_the_plain_segmentors(network):
    model = build(network()).eval()
    images = torch.randn(2, 3, 32, 32)
    expected = model.teacher.module.predict(images, tiny.samples(2))
    results = model.predict(images, tiny.samples(2))
    for result, plain in zip(results, expected):
        assert result.seg_logits.data.equal(plain.seg_logits.data)
        assert result.pred_variance.data.shape == (1, 32, 32)
        assert result.pred_variance.data.isfinite().all()


def test_knet_teaches_what_it_predicts():
    """The logits of its last stage."""
    student = build(knet()).student
    head = student.decode_head.head
    assert {part.num_classes for part in (
        head.kernel_generate_head, *head.kernel_update_head)} == {CLASSES}
    images = torch.randn(2, 3, 32, 32)
    # In training it gives all stages; nothing in it is random.
    output = run_network(student, images)
    assert len(output.head_outputs[-1]) == 3
    assert output.seg_logits is output.head_outputs[-1][-1]
    losses = own_losses(student, output, tiny.samples(1))
    assert [f'decode.loss_ce.s{stage}' for stage in range(3)] == [
        name for name in losses if 'loss' in name]


@pytest.mark.parametrize('network', [segmenter, encnet, auxiliary])
def test_losses_are_the_segmentors_own(network):
    student = build(network(), 'mean_teacher').student.eval()
    inputs, samples = tiny.semi_batch()
    output = run_network(student, torch.cat(list(inputs.values())))
    torch.testing.assert_close(
        own_losses(student, output, samples['labeled']),
        student.loss(inputs['labeled'], samples['labeled']))


def test_points_are_sampled_from_the_labelled_images_only():
    model = build(tiny.point_rend())
    inputs, samples = tiny.semi_batch()
    seen = []
    point_head = model.student.decode_head[1]
    handle = point_head.fc_seg.register_forward_hook(
        lambda _, args, output: seen.append(output.shape))
    losses = model.loss(inputs, samples)
    handle.remove()
    assert seen == [(2, CLASSES, 20)]
    assert 'decode_1.pointloss_ce' in losses
    assert isinstance(model.student.decode_head[0], ProbabilisticDecodeHead)


def test_the_point_head_refines_what_the_teacher_predicts():
    model = build(tiny.point_rend()).eval()
    images = torch.randn(1, 3, 32, 32)
    before = model.predict(images)[0].seg_logits.data
    nn.init.constant_(model.teacher.module.decode_head[1].fc_seg.bias, 9.)
    after = model.predict(images)[0].seg_logits.data
    assert not before.equal(after)


def test_logits_are_what_the_classifier_gave():
    head = tiny.fcn_head(type='LogitsLastHead', channels=16)
    for name in ('num_convs', 'concat_input'):
        del head[name]
    student = build(tiny.segmentor(decode_head=head)).student
    images = torch.randn(2, 3, 32, 32)
    output = run_network(student, images)
    assert output.seg_logits is output.head_outputs[-1][1]


def test_a_one_channel_head_behind_auxiliary_heads():
    sigmoid = dict(
        num_classes=2,
        out_channels=1,
        threshold=0.5,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    network = tiny.segmentor(
        decode_head=tiny.fcn_head(**sigmoid),
        auxiliary_head=[
            tiny.fcn_head(in_channels=8, in_index=0, **sigmoid),
            boundary_head()
        ])
    model = build(network, num_classes=2)
    loss, log = model.parse_losses(
        model(*tiny.semi_batch(classes=2), mode='loss'))
    assert loss.isfinite() and log['loss_contrast'] > 0
    sample = model.eval().predict(torch.randn(1, 3, 32, 32))[0]
    # mmseg puts the probability there.
    expected = sample.seg_logits.data > 0.5
    assert sample.pred_sem_seg.data.equal(expected.to(
        sample.pred_sem_seg.data))


def test_boundary_heads_keep_their_two_classes():
    model = build(auxiliary(), num_classes=7)
    classes, boundaries = model.student.auxiliary_head
    assert classes.num_classes == 7 and boundaries.num_classes == 2


def test_class_weights_of_other_classes_are_dropped(caplog):
    weighted = dict(type='CrossEntropyLoss', class_weight=[1.0, 2.0, 3.0])
    network = tiny.segmentor(decode_head=tiny.fcn_head(loss_decode=weighted))
    kept = adapt_segmentor(network, 3)
    assert kept['decode_head']['loss_decode']['class_weight'] == [1., 2., 3.]
    with caplog.at_level(logging.WARNING):
        dropped = adapt_segmentor(network, 5)
    assert dropped['decode_head']['loss_decode']['class_weight'] is None
    assert network['decode_head']['loss_decode'] is weighted
    assert weighted['class_weight'] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize('weights, expected', [
    ([3.0], [3.0]), ([2.0, 5.0], [2.5]), ('file', [2.5]),
    ([1.0, 2.0, 3.0], None)])
def test_class_weights_of_one_channel(weights, expected, tmp_path):
    """The binary loss weighs class 1 beside class 0."""
    if weights == 'file':
        weights = str(tmp_path / 'weights.json')
        Path(weights).write_text('[2.0, 5.0]')
    head = tiny.fcn_head(
        out_channels=1, threshold=0.5,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True,
                         class_weight=weights))
    network = tiny.segmentor(decode_head=head, auxiliary_head=None)
    adapted = adapt_segmentor(network, 2)['decode_head']['loss_decode']
    assert adapted['class_weight'] == expected
    model = build(network, num_classes=2)
    losses = model.loss(*tiny.semi_batch(classes=2))
    assert losses['decode.loss_ce'].isfinite()


def test_only_the_binary_cross_entropy_weighs_class_1_beside_class_0():
    """A focal loss would multiply both by it."""
    loss = dict(type='FocalLoss', class_weight=[2.0, 5.0])
    network = tiny.segmentor(
        decode_head=tiny.fcn_head(out_channels=1, loss_decode=loss))
    adapted = adapt_segmentor(network, 2)['decode_head']['loss_decode']
    assert adapted['class_weight'] is None


@MODELS.register_module()
class ListLossHead(FCNHead):
    """Its loss is a list, which MMEngine adds up."""

    def loss_by_feat(self, seg_logits, batch_data_samples):
        losses = super().loss_by_feat(seg_logits, batch_data_samples)
        losses['loss_ce'] = [losses['loss_ce'], losses['loss_ce']]
        return losses


def test_a_loss_may_be_a_list():
    inputs, samples = tiny.semi_batch()
    totals = []
    for kind in ('FCNHead', 'ListLossHead'):
        torch.manual_seed(0)
        model = build(
            tiny.segmentor(
                decode_head=tiny.fcn_head(type=kind), auxiliary_head=None),
            'mean_teacher', strategy=dict(supervised_weight=0.5))
        _, log = model.parse_losses(model.loss(inputs, samples))
        totals.append(log['decode.loss_ce'].item())
    assert totals[1] == pytest.approx(2 * totals[0])


@pytest.mark.parametrize('content, message', [
    ('[1, 2.5, 0]', None), ('[1, 2]', 'holds 2 numbers'),
    ('[1, -2, 3]', '-2'), ('[1, NaN, 3]', 'nan'), ('{', 'cannot be read'),
    ('{"a": 1}', 'cannot be read'), (None, 'cannot be read')])
def test_class_weights_from_a_file(content, message, tmp_path):
    path = tmp_path / 'weights.json'
    if content is not None:
        path.write_text(content)
    loss = dict(type='CrossEntropyLoss', class_weight=str(path))
    network = tiny.segmentor(decode_head=tiny.fcn_head(loss_decode=loss))
    if message is None:
        adapted = adapt_segmentor(network, 3)['decode_head']['loss_decode']
        assert adapted['class_weight'] == [1.0, 2.5, 0.0]
        return
    with pytest.raises(ValueError, match=f'weights.json.*{message}'):
        adapt_segmentor(network, 3)


def test_the_last_dense_head_of_a_cascade_is_wrapped():
    head = dict(type='ProbabilisticDecodeHead', embed_dims=6)
    types = [head['type'] for head in make_probabilistic(
        tiny.cascade(), head)['decode_head']]
    assert types == ['FCNHead', 'ProbabilisticDecodeHead']
    types = [head['type'] for head in make_probabilistic(
        tiny.point_rend(), head)['decode_head']]
    assert types == ['ProbabilisticDecodeHead', 'PointHead']


@pytest.mark.parametrize('settings, parts', [
    (dict(type='MultimodalEncoderDecoder'),
     ("type='MultimodalEncoderDecoder'", 'EncoderDecoder')),
    (dict(type='DepthEstimator'), ("type='DepthEstimator'", 'per pixel')),
    (dict(decode_head=dict(type='Mask2FormerHead')),
     ("decode_head.type='Mask2FormerHead'", 'BaseDecodeHead')),
    (dict(decode_head=[tiny.fcn_head()]),
     ("type='EncoderDecoder'", 'decode_head', 'list')),
    (dict(decode_head=None), ('decode_head is missing', )),
])
@pytest.mark.parametrize('kind', ['prcl', 'supervised'])
def test_what_cannot_work_says_why_in_one_line(settings, parts, kind):
    with pytest.raises(ValueError) as error:
        build(tiny.segmentor(**settings), kind)
    for part in parts:
        assert part in str(error.value)
    assert '\n' not in str(error.value)


def test_a_layer_without_its_operator_is_named():
    if 'mmcv._ext' in sys.modules:
        pytest.skip('this mmcv has compiled operators')
    head = tiny.fcn_head(type='PSAHead', mask_size=(4, 4))
    for name in ('num_convs', 'concat_input'):
        del head[name]
    with pytest.raises(ValueError, match='PSAMask.*compiled'):
        build(tiny.segmentor(decode_head=head))
