# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

from prcl_mmseg.engine.optim import StudentOptimWrapperConstructor
from prcl_mmseg.models.segmentors.ema_teacher import EMATeacher


def build(constructor: str, optimizer: dict) -> tuple:
    torch.manual_seed(0)
    model = nn.Sequential()
    for name in ('backbone', 'decode_head', 'variance_branch'):
        model.add_module(
            name, nn.Sequential(nn.Linear(5, 5), nn.LayerNorm(5)))
    wrapper = build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            constructor=constructor,
            optimizer=dict(lr=0.1, weight_decay=0.05, **optimizer),
            paramwise_cfg=dict(
                norm_decay_mult=0.,
                custom_keys=dict(
                    decode_head=dict(lr_mult=5.),
                    variance_branch=dict(lr_mult=0.1, decay_mult=0.)))))
    return model, wrapper


@pytest.mark.parametrize('optimizer', [
    dict(type='SGD', momentum=0.9, nesterov=True),
    dict(type='AdamW')
], ids=lambda optimizer: optimizer['type'])
def test_equal_settings_share_a_group(optimizer):
    own, wrapper = build(StudentOptimWrapperConstructor.__name__, optimizer)
    other, expected = build('DefaultOptimWrapperConstructor', optimizer)
    groups = wrapper.optimizer.param_groups
    # Of the backbone the norm has another decay than the rest.
    assert [(len(group['params']), group['lr'], group['weight_decay'])
            for group in groups] == [(2, 0.1, 0.05), (2, 0.1, 0.0),
                                     (4, 0.5, 0.05),
                                     (4, pytest.approx(0.01), 0.0)]
    assert len(expected.optimizer.param_groups) == 12
    inputs = torch.randn(7, 5)
    for _ in range(3):
        for model, optim_wrapper in ((own, wrapper), (other, expected)):
            optim_wrapper.update_params(model(inputs).square().mean())
    for (name, value), (_, wanted) in zip(own.named_parameters(),
                                          other.named_parameters()):
        assert torch.equal(value, wanted), name
    wrapper.optimizer.load_state_dict(wrapper.optimizer.state_dict())


@pytest.mark.parametrize('paramwise_cfg', [None, dict(bias_lr_mult=2.)])
def test_teacher_is_not_optimized(paramwise_cfg):
    model = nn.Module()
    model.student = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model.teacher = EMATeacher(model.student)
    wrapper = build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            constructor=StudentOptimWrapperConstructor.__name__,
            optimizer=dict(type='SGD', lr=0.1),
            paramwise_cfg=paramwise_cfg))
    optimized = [
        id(parameter) for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    ]
    assert len(optimized) == 4
    assert set(optimized) == set(map(id, model.student.parameters()))
