# Copyright (c) prcl_mmseg authors. All rights reserved.
import sys
from types import ModuleType

import mmengine.hooks
import pytest
from mmcv.transforms import LoadAnnotations as LoadColors
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.models import FCNHead
from mmseg.registry import HOOKS, MODELS
from torch import nn

from prcl_mmseg.engine.config_types import name_types
from prcl_mmseg.models import SemiSegmentor

COLORS = 'mmcv.transforms.loading.LoadAnnotations'


@pytest.mark.parametrize('kind, name', [
    (FCNHead, 'FCNHead'),
    (SemiSegmentor, 'SemiSegmentor'),
    (AmpOptimWrapper, 'AmpOptimWrapper'),
    (nn.SyncBatchNorm, 'SyncBN'),
    ('mmengine.OptimWrapper', 'OptimWrapper'),
    ('mmseg.LoadAnnotations', 'LoadAnnotations'),
    ('mmseg.datasets.transforms.LoadAnnotations', 'LoadAnnotations'),
    (LoadAnnotations, 'LoadAnnotations'),
    # mmseg finds another class under that name.
    (LoadColors, COLORS),
    (nn.Identity, 'torch.nn.modules.linear.Identity'),
    ('FCNHead', 'FCNHead'),
    ('mmpretrain.ResNet', 'mmpretrain.ResNet'),
    ('no.such.Thing', 'no.such.Thing'),
])
def test_types_become_names(kind, name):
    cfg = Config(dict(outer=[dict(inner=dict(type=kind))]))
    name_types(cfg)
    assert cfg.outer[0].inner.type == name


def test_hook_that_takes_the_place_of_another():
    cfg = Config(dict(hook=dict(type=mmengine.hooks.CheckpointHook)))
    name_types(cfg)
    assert HOOKS.get(cfg.hook.type).__module__.startswith('prcl_mmseg')


def test_modules_that_register_are_imported(monkeypatch):
    module = ModuleType('users.heads')
    head = type('UsersHead', (nn.Module, ), dict(__module__='users.heads'))
    monkeypatch.setitem(sys.modules, 'users.heads', module)
    monkeypatch.setitem(MODELS.module_dict, 'UsersHead', head)
    cfg = Config(dict(
        custom_imports=dict(imports='theirs'),
        parts=[dict(type=head), dict(type=SemiSegmentor),
               dict(type=FCNHead)]))
    name_types(cfg)
    assert cfg.custom_imports.imports == ['theirs', 'prcl_mmseg',
                                          'users.heads']
    assert cfg.parts[0].type == 'UsersHead'


def test_plain_config_is_left_as_it_is():
    parts = dict(a=dict(type='FCNHead'), b=[1, 'type', dict(c=None)])
    cfg = Config(parts)
    name_types(cfg)
    assert cfg._cfg_dict.to_dict() == parts
