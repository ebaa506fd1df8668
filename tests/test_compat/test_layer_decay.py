# Copyright (c) prcl_mmseg authors. All rights reserved.
"""mmseg's layer-wise learning rates, for a plain and a wrapped network."""
import copy

import pytest
import tiny
from mmengine.optim import build_optim_wrapper
from mmseg.engine.optimizers import LearningRateDecayOptimizerConstructor
from mmseg.registry import MODELS


def convnext() -> dict:
    pytest.importorskip('mmpretrain.models')
    backbone = dict(
        type='mmpretrain.ConvNeXt',
        arch=dict(depths=[1, 1, 3, 1], channels=[8, 16, 24, 32]),
        out_indices=[0, 1, 2, 3],
        gap_before_final_norm=False)
    return tiny.segmentor(
        backbone=backbone,
        decode_head=tiny.fcn_head(in_channels=24, in_index=2),
        auxiliary_head=None)


def beit() -> dict:
    backbone = tiny.beit(
        img_size=(32, 32), num_layers=3, out_indices=[2], qv_bias=True)
    return tiny.segmentor(
        backbone=backbone,
        decode_head=tiny.fcn_head(in_channels=16, in_index=0),
        auxiliary_head=None)


def rates(model: dict, **settings) -> dict:
    """The rate of each parameter of the student, or the plain network."""
    built = MODELS.build(copy.deepcopy(model))
    wrapper = build_optim_wrapper(
        built,
        dict(
            type='OptimWrapper',
            optimizer=dict(type='AdamW', lr=1.0, weight_decay=0.05),
            **copy.deepcopy(settings)))
    groups = {
        id(parameter): (group['lr'], group['weight_decay'])
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    }
    network = getattr(built, 'student', built)
    return {
        name: groups[id(parameter)]
        for name, parameter in network.named_parameters()
    }


@pytest.mark.parametrize('constructor', [
    'LearningRateDecayOptimizerConstructor',
    LearningRateDecayOptimizerConstructor
])
@pytest.mark.parametrize('method', ['supervised', 'unimatch_v2', 'prcl'])
@pytest.mark.parametrize('network, decay_type', [(convnext, 'stage_wise'),
                                                 (convnext, 'layer_wise'),
                                                 (beit, 'layer_wise')])
def test_layers_have_the_rates_of_a_plain_network(network, decay_type, method,
                                                  constructor):
    settings = dict(
        constructor=constructor,
        paramwise_cfg=dict(decay_rate=0.5, decay_type=decay_type,
                           num_layers=6))
    plain = rates(network(), **settings)
    assert len({rate for rate, _ in plain.values()}) > 2
    wrapped = rates(tiny.method(method, segmentor=network()), **settings)
    for name, rate in plain.items():
        wrapped_name = name
        if method == 'prcl':
            wrapped_name = name.replace('decode_head.', 'decode_head.head.')
        assert wrapped[wrapped_name] == rate, name


def test_the_deprecated_constructor_of_beit():
    settings = dict(
        constructor='LayerDecayOptimizerConstructor',
        paramwise_cfg=dict(layer_decay_rate=0.5, num_layers=3))
    plain = rates(beit(), **settings)
    assert rates(tiny.method('mean_teacher', segmentor=beit()),
                 **settings) == plain
