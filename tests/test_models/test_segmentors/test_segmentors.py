# Copyright (c) prcl_mmseg authors. All rights reserved.
import copy
import re

import pytest
import tiny
import torch
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS
from tiny import build

from prcl_mmseg.models import as_multiclass
from prcl_mmseg.models.segmentors.network_pass import own_losses, run_network
from prcl_mmseg.models.segmentors.prediction import restore_map

METHODS = ('supervised', 'fixmatch', 'mean_teacher', 'unimatch',
           'unimatch_v2', 'prcl', 'prcl_unimatch_v2')


def total_loss(model, inputs, samples) -> tuple:
    losses = model(inputs, samples, mode='loss')
    return model.parse_losses(losses)


@pytest.mark.parametrize('segmentor', [tiny.segmentor, tiny.cascade])
def test_every_parameter_of_the_student_learns(segmentor):
    model = build('prcl', segmentor=segmentor())
    loss, log = total_loss(model, *tiny.semi_batch())
    assert loss.isfinite() and log['loss_contrast'] > 0
    loss.backward()
    for name, parameter in model.student.named_parameters():
        assert parameter.grad is not None, name
    for name, parameter in model.teacher.named_parameters():
        assert not parameter.requires_grad, name


@pytest.mark.parametrize('segmentor', [tiny.segmentor, tiny.cascade])
def test_losses_of_the_joint_batch_are_the_segmentors_own(segmentor):
    """In evaluation mode, so that the batch does not change the norms."""
    student = build('mean_teacher', segmentor=segmentor()).student.eval()
    inputs, samples = tiny.semi_batch()
    output = run_network(student, torch.cat(list(inputs.values())))
    losses = own_losses(student, output, samples['labeled'])
    expected = student.loss(inputs['labeled'], samples['labeled'])
    assert losses.keys() == expected.keys()
    for name in losses:
        torch.testing.assert_close(losses[name], expected[name])
    # The heads are themselves again.
    torch.testing.assert_close(
        student.loss(inputs['labeled'], samples['labeled']), expected)


@pytest.mark.parametrize('name', METHODS)
def test_without_unlabeled_images_the_labelled_ones_teach(name):
    """The contrast has the labelled pixels, too."""
    inputs, samples = tiny.semi_batch()
    plain = build('supervised')
    names = set(plain.loss(inputs['labeled'], samples['labeled']))
    model = build(name)
    only_labeled = (dict(labeled=inputs['labeled']),
                    dict(labeled=samples['labeled']))
    losses = model.loss(*only_labeled)
    assert {key for key in losses if 'loss' in key} - names == (
        {'loss_contrast'} if 'prcl' in name else set())
    loss, _ = total_loss(model, *only_labeled)
    loss.backward()
    assert all(p.grad is not None for p in model.student.parameters())


def test_padding_gets_no_pseudo_label():
    model = build('mean_teacher')
    inputs, samples = tiny.semi_batch()
    samples['unlabeled'][0].set_metainfo(dict(padding_size=(0, 12, 0, 5)))
    weak = model.pseudo_label(inputs['unlabeled'], samples['unlabeled'])
    assert weak.label[0, 27:].eq(255).all()
    assert weak.label[0, :, 20:].eq(255).all()
    assert weak.confidence[0, 27:].eq(0).all()
    assert weak.label[0, :27, :20].lt(tiny.NUM_CLASSES).all()
    assert weak.label[1].lt(tiny.NUM_CLASSES).all()
    assert weak.confidence[1].min() >= 1 / tiny.NUM_CLASSES


def test_pseudo_labels_are_the_teachers():
    model = build('mean_teacher')
    with torch.no_grad():
        for parameter in model.student.parameters():
            parameter.add_(torch.randn_like(parameter))
    inputs, samples = tiny.semi_batch()
    weak = model.pseudo_label(inputs['unlabeled'], samples['unlabeled'])
    teacher = model.teacher.module.predict(inputs['unlabeled'])
    for label, sample in zip(weak.label, teacher):
        assert label.equal(sample.pred_sem_seg.data[0])


def test_parts_of_different_size_are_refused():
    model = build('mean_teacher')
    inputs, samples = tiny.semi_batch()
    inputs['unlabeled'] = torch.randn(2, 3, 24, 32)
    with pytest.raises(ValueError, match='model.crop_size'):
        model.loss(inputs, samples)


@pytest.mark.parametrize('classes, out_channels', [(2, 2), (2, 1)])
def test_two_classes(classes, out_channels):
    loss = dict(type='CrossEntropyLoss', use_sigmoid=out_channels == 1)
    head = tiny.fcn_head(
        num_classes=2,
        out_channels=out_channels,
        threshold=0.5 if out_channels == 1 else None,
        loss_decode=loss)
    model = build(
        'prcl',
        segmentor=tiny.segmentor(decode_head=head, auxiliary_head=None),
        num_classes=2)
    total, log = total_loss(model, *tiny.semi_batch(classes=2))
    assert total.isfinite() and log['loss_contrast'] > 0
    total.backward()
    sample = model.eval().predict(torch.randn(1, 3, 32, 32))[0]
    assert sample.pred_sem_seg.data.max() <= 1
    assert sample.pred_variance.data.shape == (1, 32, 32)
    assert sample.pred_posterior.data.isfinite().all()


def test_one_channel_means_the_same_under_the_softmax():
    logits = torch.randn(2, 1, 4, 4)
    prob = as_multiclass(logits).softmax(1)
    torch.testing.assert_close(prob[:, 1:], logits.sigmoid())


def test_images_without_any_label_do_no_harm():
    model = build('prcl')
    inputs, samples = tiny.semi_batch()
    for sample in samples['labeled']:
        sample.gt_sem_seg.data.fill_(255)
    for sample in samples['unlabeled']:
        sample.set_metainfo(dict(padding_size=(0, 32, 0, 32)))
    loss, log = total_loss(model, inputs, samples)
    assert loss.isfinite() and log['loss_contrast'] == 0
    loss.backward()
    assert all(p.grad.isfinite().all() for p in model.student.parameters())


@pytest.mark.parametrize('mode', [
    dict(mode='whole'),
    dict(mode='slide', crop_size=(16, 16), stride=(10, 10))
])
@pytest.mark.parametrize('role', ['teacher', 'student'])
def test_prediction_is_mmsegs_and_the_variance(mode, role):
    from mmengine.config import ConfigDict
    model = build(
        'prcl',
        segmentor=tiny.segmentor(test_cfg=ConfigDict(mode)),
        predict_with=role,
        terms=dict(contrast=dict(variance_summary='mean'))).eval()
    if role == 'student':
        torch.nn.init.normal_(model.student.decode_head.head.conv_seg.weight)
    images = torch.randn(2, 3, 32, 32)
    samples = tiny.samples(2, labeled=False)
    for sample in samples:
        sample.set_metainfo(
            dict(
                ori_shape=(20, 26),
                padding_size=(0, 4, 0, 2),
                flip=True,
                flip_direction='horizontal'))
    expected = model.network(role).predict(images, copy.deepcopy(samples))
    results = model.predict(images, samples)
    for result, plain in zip(results, expected):
        torch.testing.assert_close(result.seg_logits.data,
                                   plain.seg_logits.data)
        assert result.pred_sem_seg.data.equal(plain.pred_sem_seg.data)
        assert result.pred_variance.data.shape == (1, 20, 26)
        assert 0 < result.pred_variance.data.min()
        assert result.pred_variance.data.max() < 1
        assert result.pred_posterior.data.shape == (1, 20, 26)
        assert 0 <= result.pred_posterior.data.min()
        assert result.pred_posterior.data.max() <= 1
    assert model.out_channels == tiny.NUM_CLASSES


def test_a_map_goes_the_way_of_the_logits_back_to_the_image():
    model = build('prcl').eval()
    logits = torch.randn(1, 3, 32, 32)
    meta = dict(
        ori_shape=(20, 26),
        padding_size=(1, 4, 3, 2),
        flip=True,
        flip_direction='vertical')
    sample = tiny.samples(1, labeled=False)[0]
    sample.set_metainfo(meta)
    expected = model.postprocess_result(logits, [sample])[0].seg_logits.data
    torch.testing.assert_close(
        restore_map(logits[0], meta, model.align_corners), expected)


@pytest.mark.parametrize('kind', ['mean_teacher', 'prcl'])
def test_weights_of_a_plain_segmentor_load_into_both(kind, tmp_path):
    plain = MODELS.build(tiny.segmentor())
    torch.save(dict(state_dict=plain.state_dict()), tmp_path / 'plain.pth')
    model = build(kind)
    load_checkpoint(model, str(tmp_path / 'plain.pth'), map_location='cpu')
    for segmentor in (model.student, model.teacher.module):
        state = segmentor.state_dict()
        for name, value in plain.state_dict().items():
            if kind == 'prcl' and name.startswith('decode_head.'):
                name = name.replace('decode_head.', 'decode_head.head.')
            assert state[name].equal(value), name


@pytest.mark.parametrize('network', [tiny.segmentor, tiny.cascade])
@pytest.mark.parametrize('source', METHODS)
@pytest.mark.parametrize('target', METHODS)
def test_methods_load_each_others_weights(source, target, network):
    """All that both have; what the source's teacher lacks, its student has."""
    theirs = build(source, segmentor=network())
    for role in theirs.roles:
        for parameter in theirs.network(role).parameters():
            parameter.data.normal_()
    mine = build(target, segmentor=network())
    mine.load_state_dict(theirs.state_dict(), strict=False)
    for role in mine.roles:
        expected = theirs.network(
            role if role in theirs.roles else 'student')
        own = dict(_plain_names(mine.network(role)))
        common = dict(_plain_names(expected))
        assert own.keys() == common.keys()
        for name, value in common.items():
            assert own[name].equal(value), (role, name)


def _plain_names(network):
    for name, value in network.state_dict().items():
        if '_branch.' not in name:
            yield re.sub(r'(decode_head\.(\d+\.)?)head\.', r'\1', name), value


@pytest.mark.parametrize('content', [
    {}, {'student.backbone.conv1.weight': torch.zeros(1)},
    {'terms.contrast.bank.count': torch.zeros(3)}
])
@pytest.mark.parametrize('name', ['supervised', 'prcl'])
def test_a_checkpoint_without_a_network_is_refused(tmp_path, name, content):
    torch.save(dict(state_dict=content), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='no weights of a network'):
        load_checkpoint(build(name), str(tmp_path / 'other.pth'))


def test_a_student_alone_takes_a_teachers_checkpoint_whole():
    """Nothing of it is left over but the teacher itself."""
    weights = build('mean_teacher').state_dict()
    build('fixmatch').load_state_dict(weights)


def test_other_class_counts_load_the_rest(tmp_path, capsys):
    theirs, mine = build('mean_teacher'), build('prcl', num_classes=5)
    torch.save(dict(state_dict=theirs.state_dict()), tmp_path / 'theirs.pth')
    load_checkpoint(mine, str(tmp_path / 'theirs.pth'))
    assert 'size mismatch' in capsys.readouterr().out
    for role in ('student', 'teacher'):
        assert mine.network(role).backbone.conv1.weight.equal(
            theirs.network(role).backbone.conv1.weight)


def test_own_checkpoint_round_trip():
    model, other = build('prcl'), build('prcl')
    inputs, samples = tiny.semi_batch()
    model.loss(inputs, samples)
    model.terms['contrast'].bank.commit()
    model.update_teacher()
    other.load_state_dict(model.state_dict())
    for name, value in model.state_dict().items():
        assert other.state_dict()[name].equal(value), name


def test_teacher_starts_as_the_student_and_always_evaluates():
    model = build('prcl')
    model.init_weights()
    for name, value in model.student.state_dict().items():
        assert model.teacher.module.state_dict()[name].equal(value), name
    model.train()
    assert model.student.training
    assert not any(m.training for m in model.teacher.modules())


def test_initialisation_reaches_both_networks():
    constant = dict(type='Constant', layer='Conv2d', val=0.5)
    backbone = dict(tiny.segmentor()['backbone'], init_cfg=constant)
    model = build('prcl', segmentor=tiny.segmentor(backbone=backbone))
    model.init_weights()
    for role in model.roles:
        assert model.network(role).backbone.conv1.weight.eq(0.5).all()


def test_roles():
    model = build('mean_teacher')
    assert model.predictor is model.teacher.module
    with model.predicting_with('student'):
        assert model.predictor is model.student
    assert model.predictor is model.teacher.module
    alone = build('supervised')
    assert alone.predictor is alone.student and alone.roles == ['student']


@pytest.mark.parametrize('name, settings, message', [
    ('prcl', dict(num_classes=None), 'model.num_classes=None'),
    ('prcl', dict(num_classes=1), 'model.num_classes=1'),
    ('supervised', dict(num_classes=256), 'num_classes=256, but at most 255'),
    ('prcl', dict(predict_with='ema'), "model.predict_with='ema'"),
    ('mean_teacher', dict(teacher=None),
     "strategy.labeler.network='teacher'.*EMATeacher"),
    ('supervised', dict(segmentor=tiny.segmentor(data_preprocessor=None)),
     'data_preprocessor is missing'),
    ('mean_teacher', dict(strategy=dict(labeler=dict(prototype_weight=1.))),
     "prototype_weight=1.0.*no term 'contrast'"),
    ('prcl', dict(strategy=dict(labeler=dict(prototype_weight=-1.))),
     'prototype_weight=-1.0'),
    ('prcl', dict(terms=dict(contrast=dict(variance_summary='max'))),
     "contrast.variance_summary='max'"),
    ('prcl', dict(terms=dict(contrast=dict(
        similarity=dict(temperature=0.)))), 'similarity.temperature=0.0'),
    ('unimatch_v2', dict(strategy=dict(views=dict(strong2=None))),
     "feature_perturbation.views=.'strong2'. are no views"),
    ('fixmatch', dict(strategy=dict(loss=dict(threshold=95))),
     'threshold=95'),
    ('unimatch', dict(strategy=dict(views=dict(strong=dict(wieght=1.)))),
     'strategy.views.strong=.*wieght'),
    ('fixmatch', dict(strategy=dict(views=dict(labeled=dict()))),
     'strategy.views.labeled'),
    ('prcl', dict(strategy=dict(labeler=dict(prototype_weight=1.,
                                             prototypes='health'))),
     "no term 'health' with prototypes"),
    ('mean_teacher', dict(terms=dict(a=dict(type='ViewVariance'),
                                     b=dict(type='ViewVariance'))),
     'model.terms.b gives pred_view_variance, as another part'),
    ('prcl', dict(segmentor=tiny.segmentor(decode_head=dict(
        type='ProbabilisticDecodeHead', embed_dims=5,
        head=tiny.fcn_head()))), 'embeds pixels already.*embed_dims=6'),
    ('supervised', dict(terms=dict(contrast=dict(
        type='PrototypeContrast', views=('labeled', 'strong')))),
     "model.terms.contrast.views=.*'strong'"),
])
def test_bad_settings_are_named(name, settings, message):
    with pytest.raises(ValueError, match=message):
        build(name, **settings)


def test_class_count_and_crop_size_reach_every_part():
    model = build('prcl', num_classes=7)
    assert model.student.decode_head.num_classes == 7
    assert model.student.auxiliary_head.conv_seg.out_channels == 7
    assert model.data_preprocessor.preprocessor.size == (32, 32)
    assert len(model.terms['contrast'].bank.count) == 7


def test_autocast_keeps_the_gaussians_in_fp32():
    model = build('prcl')
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = model(*tiny.semi_batch(), mode='loss')
    assert losses['loss_contrast'].dtype == torch.float32
    loss, _ = model.parse_losses(losses)
    loss.backward()
    assert all(p.grad.isfinite().all() for p in model.student.parameters())
    pending = model.terms['contrast'].bank._pending
    assert pending.precision.dtype == torch.float32


def test_any_number_of_channels():
    backbone = dict(tiny.segmentor()['backbone'], in_channels=5)
    preprocessor = dict(
        type='SegDataPreProcessor', mean=[0.], std=[1.], size=(32, 32))
    inputs, samples = tiny.semi_batch()
    inputs = {
        name: torch.randn(2, 5, 32, 32)
        for name in inputs
    }
    for name in ('prcl', 'prcl_unimatch_v2'):
        model = build(
            name,
            segmentor=tiny.segmentor(
                backbone=backbone, data_preprocessor=preprocessor))
        loss, _ = total_loss(model, inputs, samples)
        assert loss.isfinite()


def test_terms_can_be_switched_off():
    model = build('prcl', terms=dict(contrast=None))
    assert list(model.terms) == ['health']
    plain = build('mean_teacher')
    assert model.state_dict().keys() == plain.state_dict().keys()
