# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Looks over the values of a config that MMEngine takes without a word.

What a part of the model is given, its class checks. This is about what lies
around it: schedule, data loaders, padding, hooks, evaluation.
"""
import os.path as osp
from fnmatch import fnmatchcase
from typing import Any, Dict, Iterator, List, Tuple

from mmengine.config import Config
from mmengine.runner import Runner

from ..value_check import check_choice, check_number, did_you_mean
from .config_parts import config_dicts, config_items
from .hooks import MeanTeacherHook, PrototypeBankHook
from .hooks.unwrap import prototype_banks, unwrap_model

# Keys, and the bounds of check_number(); None is always left to its default.
NUMBERS = {
    'train_cfg.max_iters': dict(low=1, whole=True),
    'train_cfg.max_epochs': dict(low=1, whole=True),
    'train_cfg.val_interval': dict(low=1, whole=True),
    'train_cfg.val_begin': dict(low=0, whole=True),
    '*_dataloader.batch_size': dict(low=1, whole=True),
    '*_dataloader.num_workers': dict(low=0, whole=True),
    'optim_wrapper.optimizer.lr': dict(low=0),
    'optim_wrapper.optimizer.weight_decay': dict(low=0),
    'optim_wrapper.accumulative_counts': dict(low=1, whole=True),
    'optim_wrapper.clip_grad.max_norm': dict(low=0, open_low=True),
    'param_scheduler.*.begin': dict(low=0, whole=True),
    'param_scheduler.*.power': dict(low=0),
    'param_scheduler.*.eta_min': dict(low=0),
    'randomness.seed': dict(low=0, whole=True),
}
CHOICES = {
    'log_level':
    ('DEBUG', 'INFO', 'WARNING', 'WARN', 'ERROR', 'CRITICAL', 'FATAL'),
}
DICTS = ('model', 'train_cfg', 'train_dataloader', 'optim_wrapper')
LISTS = ('custom_hooks', '*.pipeline', '*_pipeline')
# Whose hooks are known to move neither teacher nor prototypes.
PACKAGES = ('mmengine', 'mmseg', __name__.split('.')[0])
# Scores of mmseg's IoUMetric, by its iou_metrics.
SCORES = dict(
    mIoU=('mIoU', 'mAcc'),
    mDice=('mDice', 'mAcc'),
    mFscore=('mFscore', 'mPrecision', 'mRecall'))


def check_config(cfg: Config, training: bool = True) -> None:
    """Raise ValueError for the first value that can't be meant.

    Args:
        cfg (Config): Config of a run.
        training (bool): Whether it is to train. Defaults to True.
    """
    for key, value in _items(cfg, training):
        for pattern, bounds in NUMBERS.items():
            if value is not None and fnmatchcase(key, pattern):
                check_number(key, value, **bounds)
        if key in CHOICES:
            check_choice(key, value, CHOICES[key])
        if isinstance(value, dict) and any(
                fnmatchcase(key, pattern) for pattern in LISTS):
            raise ValueError(f'{key}={dict(value)} must be a list of dicts; '
                             'put it in brackets')
        if key.endswith('_dataloader') and isinstance(value, dict):
            _check_workers(key, value)
    if training:
        _check_parts(cfg)
        _check_padding(cfg)
        hooks = _hooks(cfg)
        _check_intervals(hooks)
        _check_save_best(cfg, hooks)


def check_files(cfg: Config) -> None:
    """Raise FileNotFoundError if weights to start from do not exist."""
    wanted = {'load_from': cfg.get('load_from')}
    for key, value in config_items(cfg._cfg_dict):
        if isinstance(value, dict) and value.get('type') == 'Pretrained':
            wanted[f'{key}.checkpoint'] = value.get('checkpoint')
    for key, path in wanted.items():
        if isinstance(path, str) and '://' not in path and not osp.isfile(
                path):
            raise FileNotFoundError(
                f'{key}={path!r} does not exist; give a file of weights, a '
                'URL, or None')


def _items(cfg: Config, training: bool) -> Iterator[Tuple[str, Any]]:
    for key, value in config_items(cfg._cfg_dict):
        if training or key.startswith('test_'):
            yield key, value


def _check_parts(cfg: Config) -> None:
    for key in DICTS:
        value = cfg.get(key)
        if not isinstance(value, dict):
            state = 'is missing' if value is None else 'is no dict'
            raise ValueError(f'{key}={value!r}: {state}; training needs it, '
                             'see the configs below configs/')
    schedulers = cfg.get('param_scheduler') or []
    if not isinstance(schedulers, (dict, list, tuple)):
        raise ValueError(f'param_scheduler={schedulers!r} must be a list of '
                         "dicts, such as [dict(type='PolyLR')]")


def _check_workers(key: str, loader: dict) -> None:
    """Settings of worker processes where there are none."""
    if loader.get('num_workers', 0) != 0:
        return
    if loader.get('persistent_workers'):
        raise ValueError(
            f'{key}.persistent_workers=True, but {key}.num_workers=0: there '
            f'are no workers to keep; set {key}.persistent_workers=False, or '
            'num_workers above 0')
    if loader.get('prefetch_factor') is not None:
        raise ValueError(
            f'{key}.prefetch_factor={loader["prefetch_factor"]}, but '
            f'{key}.num_workers=0: nobody would fetch ahead; leave it out, '
            'or set num_workers above 0')


def _check_padding(cfg: Config) -> None:
    """Padding of masks must be ignored, not be a class."""
    heads = [
        part for part in config_dicts(cfg.model)
        if 'loss_decode' in part and 'num_classes' in part
    ]
    ignored = {part.get('ignore_index', 255) for part in heads}
    if len(ignored) != 1:
        return
    index, = ignored
    for key, value in config_items(cfg._cfg_dict):
        in_training = key.startswith('model.') or (
            key.startswith('train_dataloader.') and '.unlabeled.' not in key)
        if not in_training or not isinstance(value, int):
            continue
        if value != index and key.endswith(('.seg_pad_val', '.pad_val.seg')):
            raise ValueError(
                f'{key}={value}: padding would be labelled as class {value}, '
                f'since the heads have ignore_index={index}; set it to '
                f'{index}')


def _hooks(cfg: Config) -> Dict[str, dict]:
    hooks = dict(cfg.get('default_hooks') or {})
    found = {f'default_hooks.{name}': hook for name, hook in hooks.items()}
    custom = cfg.get('custom_hooks') or []
    found.update({
        f'custom_hooks.{index}': hook
        for index, hook in enumerate(custom)
    })
    for key, hook in found.items():
        if hook is not None and (not isinstance(hook, dict)
                                 or 'type' not in hook):
            raise ValueError(f'{key}={hook!r} must be a dict with a type')
    return {key: hook for key, hook in found.items() if hook}


def _check_intervals(hooks: Dict[str, dict]) -> None:
    for key, hook in hooks.items():
        # To MMEngine, -1 is never.
        if hook.get('interval', 1) != -1:
            check_number(f'{key}.interval', hook.get('interval', 1), 1)


def check_followers(runner: Runner) -> None:
    """Teacher and prototypes move by hooks, once a step.

    Args:
        runner (Runner): Before the training.

    Raises:
        ValueError: If a hook that the model needs is missing, unless one of
            the user's own may do its work, or is there twice.
    """
    model = unwrap_model(runner.model)
    teacher = getattr(model, 'teacher', None)
    banks = list(prototype_banks(model))
    own = any(
        type(hook).__module__.split('.')[0] not in PACKAGES
        for hook in runner.hooks)
    for hook_class, needs, part in (
        (MeanTeacherHook, teacher is not None, 'model.teacher'),
        (PrototypeBankHook, bool(banks), 'the prototypes of model.terms')):
        count = sum(isinstance(hook, hook_class) for hook in runner.hooks)
        name = hook_class.__name__
        if needs and count == 0 and not own:
            raise ValueError(
                f'custom_hooks={runner.cfg.get("custom_hooks")} has no '
                f'{name}, so {part} would never move; add '
                f'dict(type={name!r}), as configs/_base_/default_runtime.py '
                'does')
        if needs and count > 1:
            raise ValueError(
                f'custom_hooks: {name} is there {count} times, so {part} '
                'would move more than once a step, not once; remove all but '
                'one')


def _check_save_best(cfg: Config, hooks: Dict[str, dict]) -> None:
    """The score to choose checkpoints by must be one of the evaluator's."""
    metrics = cfg.get('val_evaluator') or []
    metrics = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    scores: List[str] = []
    for index, metric in enumerate(metrics):
        if not isinstance(metric, dict) or metric.get('type') != 'IoUMetric':
            # Others say themselves what they score.
            return
        wanted = metric.get('iou_metrics', ['mIoU'])
        for name in [wanted] if isinstance(wanted, str) else wanted:
            if name not in SCORES:
                raise ValueError(
                    f'val_evaluator.iou_metrics={wanted!r}: {name!r} is not '
                    f'known; use some of {list(SCORES)}')
            scores += [*SCORES[name], 'aAcc']
    for key, hook in hooks.items():
        best = hook.get('save_best')
        for name in [best] if isinstance(best, str) else best or []:
            if name != 'auto' and name.split('/')[-1] not in scores:
                raise ValueError(
                    f'{key}.save_best={name!r} is no score of val_evaluator; '
                    f'{did_you_mean(name, sorted(set(scores)))}')
