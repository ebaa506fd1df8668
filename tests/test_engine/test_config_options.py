# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Settings of the command line that have a place; the others are in the table
of bad inputs."""
import pytest
from mmengine.config import Config

from prcl_mmseg.engine.config_options import merge_options

CONFIG = dict(
    model=dict(
        type='SemiSegmentor',
        strategy=dict(views=dict(strong=dict(weight=1.0))),
        terms=dict(health=dict(type='TrainingHealth'))),
    custom_hooks=[dict(type='MyHook')],
    optim_wrapper=dict(paramwise_cfg=dict(custom_keys=dict())),
    my_number=3,
    env_cfg=dict(cudnn_benchmark=True),
    load_from=None)


@pytest.mark.parametrize('key, value', [
    ('my_number', 4),
    ('model.num_classes', 3),
    ('model.teacher.type', 'EMATeacher'),
    ('model.strategy.views.strong2.weight', 0.5),
    ('model.terms.mine.type', 'MyTerm'),
    ('custom_hooks.0.interval', 7),
    ('optim_wrapper.paramwise_cfg.custom_keys.norm.decay_mult', 0.0),
    ('randomness.seed', 1),
    ('env_cfg.dist_cfg.timeout', 60),
    ('model_wrapper_cfg.find_unused_parameters', True),
    ('load_from', 'weights.pth'),
    ('work_dir', 'there'),
    ('unheard_of', 1),
])
def test_a_setting_that_has_a_place(key, value):
    cfg = Config(CONFIG)
    merge_options(cfg, {key: value})
    node = cfg
    for name in key.split('.'):
        node = node[int(name)] if name.isdigit() else node[name]
    assert node == value


def test_nothing_is_changed_if_one_of_them_has_none():
    cfg = Config(CONFIG)
    with pytest.raises(ValueError, match="no modle.*'model'"):
        merge_options(cfg, {'my_number': 4, 'modle.x': 1})
    assert cfg.my_number == 3
