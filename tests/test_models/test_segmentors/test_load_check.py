# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A network that a checkpoint did not fill does not predict."""
import copy
import math

import pytest
import tiny
import torch
from mmengine.runner import load_checkpoint
from mmseg.models import SegTTAModel


def save(model, path, change=None) -> str:
    weights = copy.deepcopy(model.state_dict())
    if change is not None:
        change(weights)
    torch.save(dict(state_dict=weights), path)
    return str(path)


def predict(model) -> list:
    return model.eval().predict(torch.randn(1, 3, 32, 32))


def drop(word: str):

    def change(weights: dict) -> None:
        for name in [name for name in weights if word in name]:
            del weights[name]

    return change


def poison(word: str):

    def change(weights: dict) -> None:
        next(value for name, value in weights.items()
             if word in name).view(-1)[0] = math.nan

    return change


@pytest.mark.parametrize('method', ['supervised', 'prcl'])
def test_its_own_checkpoint_predicts(method, tmp_path):
    model = tiny.build(method)
    load_checkpoint(model, save(tiny.build(method), tmp_path / 'own.pth'))
    predict(model)


@pytest.mark.parametrize('change, words', [
    (drop('decode_head.head.conv_seg'), 'decode_head.head.conv_seg.weight'),
    (drop('running_mean'), 'bn1.running_mean'),
    (poison('teacher.module.backbone.conv1'), 'NaN .* backbone.conv1.weight'),
    (poison('teacher.module.backbone.bn1.running_var'), 'NaN'),
    (drop('bank.count'), 'contrast.bank.count of the terms'),
    (poison('bank.precision'), 'NaN .* contrast.bank.precision'),
])
def test_what_is_missing_or_not_finite_is_named(change, words, tmp_path):
    model = tiny.build('prcl')
    path = save(tiny.build('prcl'), tmp_path / 'faulty.pth', change)
    load_checkpoint(model, path)
    with pytest.raises(ValueError, match=f'faulty.pth has .*{words}'):
        predict(model)
    with pytest.raises(ValueError, match=words):
        model(torch.randn(1, 3, 32, 32))


@pytest.mark.parametrize('theirs, mine, words', [
    (dict(), dict(num_classes=5), 'conv_seg.weight'),
    (dict(segmentor=tiny.cascade()), dict(), 'decode_head'),
])
def test_checkpoints_of_other_models_are_for_training_only(
        theirs, mine, words, tmp_path):
    path = save(tiny.build('mean_teacher', **theirs), tmp_path / 'other.pth')
    model = tiny.build('mean_teacher', **mine)
    load_checkpoint(model, path)
    with pytest.raises(ValueError, match=words):
        predict(model)
    model.train()
    predict(model)


@pytest.mark.parametrize('method, num_classes, steps', [
    ('mean_teacher', 3, 500),
    ('mean_teacher', 5, 0),
    ('prcl', 3, 0),
    ('prcl', 5, 0),
])
def test_a_teacher_with_random_parts_follows_fast_again(
        method, num_classes, steps, tmp_path):
    segmentor = tiny.segmentor(auxiliary_head=None)
    trained = tiny.build('mean_teacher', segmentor=segmentor, num_classes=3)
    trained.teacher.steps.fill_(500)
    model = tiny.build(method, segmentor=segmentor, num_classes=num_classes)
    load_checkpoint(model, save(trained, tmp_path / 'trained.pth'))
    assert model.teacher.steps == steps
    with torch.no_grad():
        for weight in model.student.parameters():
            weight.add_(1)
    model.update_teacher()
    copied = all(
        own.equal(weight) for own, weight in zip(
            model.teacher.module.parameters(), model.student.parameters()))
    assert copied == (steps == 0)


def test_only_the_network_that_predicts_has_to_be_good(tmp_path):
    model = tiny.build('mean_teacher')
    load_checkpoint(
        model,
        save(model, tmp_path / 'bad.pth', poison('networks.student.back')))
    predict(model)
    model.predict_with = 'student'
    with pytest.raises(ValueError, match='student'):
        predict(model)


def test_a_method_that_embeds_needs_a_checkpoint_that_embeds(tmp_path):
    model = tiny.build('prcl')
    load_checkpoint(model,
                    save(tiny.build('mean_teacher'), tmp_path / 'plain.pth'))
    with pytest.raises(ValueError, match='mean_branch'):
        predict(model)


def test_through_test_time_augmentation(tmp_path):
    path = save(tiny.build('prcl', num_classes=5), tmp_path / 'other.pth')
    model = SegTTAModel(module=tiny.build('prcl'))
    load_checkpoint(model, path)
    with pytest.raises(ValueError, match='conv_seg'):
        predict(model.module)


def test_a_model_without_a_checkpoint_predicts():
    predict(tiny.build('prcl'))


@pytest.mark.parametrize('content, words', [
    ([1, 2], 'holds a list'),
    (torch.zeros(3), 'holds a Tensor'),
    (dict(state_dict=None), 'holds a NoneType'),
    (dict(state_dict=[1]), 'holds a list'),
    (dict(state_dict={'networks.student.backbone.w': 'a'}),
     'a str as networks.student.backbone.w'),
    ({'meta': {}, 'optimizer': {}}, 'a dict as meta'),
    ({}, 'no weights of a network'),
    (dict(state_dict={3: torch.zeros(1)}), 'instead of weights by name'),
])
def test_files_without_weights_are_named(content, words, tmp_path):
    torch.save(content, tmp_path / 'odd.pth')
    with pytest.raises(ValueError, match=f'odd.pth .*{words}'):
        load_checkpoint(tiny.build('prcl'), str(tmp_path / 'odd.pth'))
