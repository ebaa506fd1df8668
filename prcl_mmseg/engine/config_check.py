# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Looks over the values of a config that MMEngine takes without a word.

What a part of the model is given, its class checks. This is about what lies
around it: schedule, data loaders, pipelines, padding.
"""
import os.path as osp
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import MODELS, RUNNERS

from ..packages import is_known, is_own
from ..value_check import check_choice, check_number, did_you_mean, near
from .config_parts import config_items, matches
from .config_rules import (BOOLS, BUILT_FROM, CHOICES, DICTS, GREEDY, KEYS,
                           LISTS, NEEDED, NEVER_NONE, NUMBERS, PLAIN, WEIGHTS)
from .hook_check import check_hooks
from .ignored_label import check_ignored_label
from .loader_config_check import check_edges, check_loaders
from .schedule_check import check_schedule
from .signatures import arguments, misfits


def check_config(cfg: Config, training: bool = True) -> None:
    """Raise ValueError for the first value that can't be meant.

    Args:
        cfg (Config): Config of a run.
        training (bool): Whether it is to train. Defaults to True.
    """
    if training:
        _check_needed(cfg)
        _check_runner(cfg)
    own = is_own(MODELS.module_dict.get((cfg.get('model') or {}).get('type')))
    items = [(key, value) for key, value in config_items(cfg._cfg_dict)
             if (training or key.startswith('test_')) and
             (own or not key.startswith('model.'))]
    for key, value in items:
        _check_kind(key, value)
        _check_names(key, value)
        _check_own(key, value)
        _check_value(key, value)
    check_loaders(cfg, items)
    if training:
        check_ignored_label(cfg)
        check_edges(cfg)
        check_schedule(cfg)
        check_hooks(cfg)


def check_weight_files(cfg: Config) -> None:
    """Raise FileNotFoundError if weights to start from do not exist."""
    wanted = {'load_from': cfg.get('load_from')}
    for key, value in config_items(cfg._cfg_dict):
        if key.endswith('.pretrained') and str(value).endswith(WEIGHTS):
            wanted[key] = value
        if isinstance(value, dict) and value.get('type') == 'Pretrained':
            wanted[f'{key}.checkpoint'] = value.get('checkpoint')
    for key, path in wanted.items():
        if path is None or isinstance(path, str) and (
                '://' in path or osp.isfile(path)):
            continue
        raise FileNotFoundError(
            f'{key}={path!r} does not exist; give a file of weights, a URL, '
            'or None')


def _check_needed(cfg: Config) -> None:
    items = dict(config_items(cfg._cfg_dict))
    for key in NEEDED:
        value = items.get(key)
        if key == 'model.segmentor' and 'segmentor' not in cfg.model:
            continue
        if not isinstance(value, dict):
            state = 'is missing' if value is None else 'is no dict'
            raise ValueError(f'{key}={value!r}: {state}; training needs it, '
                             'see the configs below configs/')
    wrapper = cfg.optim_wrapper
    if not isinstance(wrapper.get('optimizer', {}), dict) or not {
            'optimizer', 'constructor'
    } & set(wrapper):
        raise ValueError(
            f'optim_wrapper={dict(wrapper)}: its optimizer is missing; set '
            "optim_wrapper=dict(type='OptimWrapper', "
            "optimizer=dict(type='SGD', lr=0.01))")
    if {'type', 'by_epoch'} <= set(cfg.train_cfg):
        raise ValueError(
            f'train_cfg.by_epoch={cfg.train_cfg.by_epoch!r}: the type '
            f'{cfg.train_cfg.type!r} says so already; give one of the two')


def _check_runner(cfg: Config) -> None:
    kind = cfg.get('runner_type', 'Runner')
    runner = RUNNERS.get(kind) if isinstance(kind, str) else kind
    if runner is not None and not issubclass(runner, Runner):
        raise ValueError(
            f'runner_type={kind!r} is not supported: models, hooks and loops '
            "here need MMEngine's Runner; leave runner_type out")


def _check_kind(key: str, value: Any) -> None:
    if value is None and key not in NEVER_NONE:
        return
    if matches(key, DICTS) and not isinstance(value, dict):
        raise ValueError(f'{key}={value!r} must be a dict')
    if matches(key, LISTS) and not isinstance(value, (list, tuple)) and not (
            key == 'param_scheduler' and isinstance(value, dict)):
        value = dict(value) if isinstance(value, dict) else value
        raise ValueError(f'{key}={value!r} must be a list of dicts; put it in '
                         'brackets')


def _check_names(key: str, value: Any) -> None:
    """Misspelt settings of what would take them without a word."""
    if not isinstance(value, dict):
        return
    known = next(
        (names for pattern, names in KEYS.items() if matches(key, [pattern])),
        ())
    for pattern, registry in GREEDY.items():
        kind = value.get('type')
        if matches(key, [pattern]) and isinstance(kind, str) and is_known(
                registry.get(kind)):
            known = arguments(registry.get(kind))
    for name in value:
        if name not in (*known, 'type', '_scope_') and near(name, known):
            raise ValueError(f'{key}.{name}={value[name]!r}: there is no such '
                             f'setting; {did_you_mean(name, known)}')


def _check_own(key: str, value: Any) -> None:
    """Settings of another kind than the classes here say they take.

    They check their numbers themselves.
    """
    name = value.get('type') if isinstance(value, dict) else None
    if not isinstance(name, str):
        return
    registries = next((found for pattern, found in BUILT_FROM.items()
                       if matches(key, [pattern])), ())
    for registry in registries:
        kind = registry.module_dict.get(name)
        wrong = misfits(kind, value, PLAIN) if is_own(kind) else []
        if wrong:
            raise ValueError(f'{key}: {" and ".join(wrong)}')


def _check_value(key: str, value: Any) -> None:
    if value is None:
        return
    for pattern, bounds in NUMBERS.items():
        # A class of the user's may take several.
        several = '**' in pattern and isinstance(value, (list, tuple))
        if not several and matches(key, [pattern]):
            check_number(key, value, **bounds)
    if matches(key, BOOLS):
        check_choice(key, value, (True, False))
    if key in CHOICES and not isinstance(value, list):
        check_choice(key, value, CHOICES[key])
