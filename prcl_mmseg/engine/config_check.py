# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Looks over the values of a config that MMEngine takes without a word.

What a part of the model is given, its class checks. This is about what lies
around it: schedule, data loaders, padding, hooks, evaluation.
"""
import os.path as osp
import re
from functools import lru_cache
from typing import (Any, Dict, Iterable, Iterator, List, Optional, Pattern,
                    Tuple)

from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import (DATASETS, HOOKS, METRICS, MODELS, TASK_UTILS,
                            TRANSFORMS, VISUALIZERS)

from ..models import PrototypeBank
from ..value_check import check_choice, check_number, did_you_mean, near
from .config_parts import config_dicts, config_items
from .hooks import MeanTeacherHook, PrototypeBankHook
from .hooks.unwrap import unwrap_model
from .signatures import arguments, misfits

# Keys, and the bounds of check_number(); None is always left to its default.
NUMBERS = {
    'train_cfg.max_iters': dict(low=1, whole=True),
    'train_cfg.max_epochs': dict(low=1, whole=True),
    'train_cfg.val_interval': dict(low=1, whole=True),
    'train_cfg.val_begin': dict(low=0, whole=True),
    'auto_scale_lr.base_batch_size': dict(low=1, whole=True),
    'log_processor.window_size': dict(low=1, whole=True),
    '*_dataloader.batch_size': dict(low=1, whole=True),
    '*_dataloader.num_workers': dict(low=0, whole=True),
    'optim_wrapper.optimizer.lr': dict(low=0),
    'optim_wrapper.optimizer.weight_decay': dict(low=0),
    'optim_wrapper.accumulative_counts': dict(low=1, whole=True),
    'optim_wrapper.paramwise_cfg.**_mult': dict(low=0),
    'optim_wrapper.clip_grad.max_norm': dict(low=0, open_low=True),
    'param_scheduler.*.begin': dict(low=0, whole=True),
    'param_scheduler.*.power': dict(low=0),
    'param_scheduler.*.eta_min': dict(low=0),
    'randomness.seed': dict(low=0, whole=True),
    'model.**.loss_weight': dict(low=0),
    'model.**head.ignore_index': dict(whole=True),
    'model.**head.threshold': dict(low=0, high=1),
    'model.**data_preprocessor.mean.*': dict(),
    'model.**data_preprocessor.std.*': dict(low=0, open_low=True),
}
BOOLS = ('**.by_epoch', 'resume', 'randomness.deterministic',
         'randomness.diff_rank_seed', '*_dataloader.drop_last',
         '*_dataloader.persistent_workers', '*_dataloader.pin_memory')
CHOICES = {
    'model.segmentor.test_cfg.mode': ('whole', 'slide'),
    'env_cfg.mp_cfg.mp_start_method': ('fork', 'spawn', 'forkserver'),
    'default_hooks.checkpoint.rule': ('greater', 'less'),
    'log_level':
    ('DEBUG', 'INFO', 'WARNING', 'WARN', 'ERROR', 'CRITICAL', 'FATAL'),
}
NEEDED = ('model', 'model.segmentor', 'train_cfg', 'train_dataloader',
          'train_dataloader.dataset', 'optim_wrapper')
# What MMEngine can't do without once it is given.
NEVER_NONE = ('env_cfg', 'randomness')
DICTS = ('env_cfg', 'randomness', '*_dataloader.sampler',
         'optim_wrapper.paramwise_cfg.custom_keys.*',
         'model.segmentor', 'model.teacher', 'model.strategy', 'model.terms',
         'model.terms.*', 'model.strategy.strong_augment.transforms.*')
LISTS = ('custom_hooks', 'param_scheduler', '**.pipeline', '*_pipeline')
# Of dicts without a type, and of classes that take whatever they are given.
KEYS = dict(
    randomness=('seed', 'diff_rank_seed', 'deterministic'),
    env_cfg=('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
    **{
        'optim_wrapper.paramwise_cfg':
        ('custom_keys', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult',
         'flat_decay_mult', 'dwconv_decay_mult', 'dcn_offset_lr_mult',
         'bypass_duplicate', 'num_layers', 'decay_rate', 'decay_type',
         'layer_decay_rate')
    })
PLAIN = (bool, str, dict, Optional[bool], Optional[str], Optional[dict])
BUILT_FROM = {
    'model.**': (MODELS, TASK_UTILS),
    '*_hooks.*': (HOOKS, ),
    '*_evaluator**': (METRICS, ),
    '*_dataloader.**pipeline.**': (TRANSFORMS, ),
    '*_dataloader.dataset**': (DATASETS, )
}
GREEDY = {
    'default_hooks.*': HOOKS,
    'custom_hooks.*': HOOKS,
    '*_evaluator': METRICS,
    '*_evaluator.*': METRICS,
    'visualizer': VISUALIZERS
}
OWN_PACKAGE = __name__.split('.')[0]
# Whose hooks are known to move neither teacher nor prototypes.
PACKAGES = ('mmengine', 'mmseg', OWN_PACKAGE)
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
    if training:
        _check_needed(cfg)
    for key, value in _items(cfg, training):
        _check_kind(key, value)
        _check_names(key, value)
        _check_own(key, value)
        for pattern, bounds in NUMBERS.items():
            if value is not None and _matches(key, [pattern]):
                check_number(key, value, **bounds)
        if value is not None and _matches(key, BOOLS):
            check_choice(key, value, (True, False))
        if key in CHOICES and value is not None and not isinstance(
                value, list):
            check_choice(key, value, CHOICES[key])
        if key.endswith('_dataloader') and isinstance(value, dict):
            _check_workers(key, value)
        if key.endswith('.pipeline') and isinstance(value, list):
            _check_order(key, value)
    if training:
        _check_padding(cfg)
        hooks = _hooks(cfg)
        _check_intervals(hooks)
        _check_save_best(cfg, hooks)


def check_files(cfg: Config) -> None:
    """Raise FileNotFoundError if weights to start from do not exist."""
    wanted = {'load_from': cfg.get('load_from')}
    for key, value in config_items(cfg._cfg_dict):
        if key.endswith('.pretrained') and isinstance(value, str):
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


def _matches(key: str, patterns: Iterable[str]) -> bool:
    return any(_expression(pattern).fullmatch(key) for pattern in patterns)


@lru_cache(maxsize=None)
def _expression(pattern: str) -> Pattern:
    """Of a key: * is anything in one part of it, ** any number of parts."""
    parts = re.split(r'(\*+)', pattern)
    anything = {'*': '[^.]*', '**': '.*'}
    return re.compile(''.join(
        anything.get(part) or re.escape(part) for part in parts))


def _items(cfg: Config, training: bool) -> Iterator[Tuple[str, Any]]:
    for key, value in config_items(cfg._cfg_dict):
        if training or key.startswith('test_'):
            yield key, value


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
    sampler = (cfg.get('val_dataloader') or {}).get('sampler') or {}
    if sampler.get('type') == 'InfiniteSampler':
        raise ValueError("val_dataloader.sampler.type='InfiniteSampler' would "
                         "never end; use 'DefaultSampler'")


def _check_kind(key: str, value: Any) -> None:
    if value is None and key not in NEVER_NONE:
        return
    if _matches(key, DICTS) and not isinstance(value, dict):
        raise ValueError(f'{key}={value!r} must be a dict')
    if _matches(key, LISTS) and not isinstance(value, (list, tuple)) and not (
            key == 'param_scheduler' and isinstance(value, dict)):
        value = dict(value) if isinstance(value, dict) else value
        raise ValueError(f'{key}={value!r} must be a list of dicts; put it in '
                         'brackets')


def _check_names(key: str, value: Any) -> None:
    """Misspelt settings of what would take them without a word."""
    if not isinstance(value, dict):
        return
    known = KEYS.get(key, ())
    for pattern, registry in GREEDY.items():
        kind = value.get('type')
        if _matches(key, [pattern]) and isinstance(kind, str):
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
    registries = next((found for pattern, found in BUILT_FROM.items()
                       if _matches(key, [pattern])), ())
    for registry in registries:
        kind = registry.module_dict.get(name)
        wrong = []
        if getattr(kind, '__module__', '').startswith(OWN_PACKAGE):
            wrong = misfits(kind, value, PLAIN)
        if wrong:
            raise ValueError(f'{key}: {" and ".join(wrong)}')


def _check_order(key: str, pipeline: List[Any]) -> None:
    """Images are loaded first and packed last."""
    names = [
        item.get('type') if isinstance(item, dict) else None
        for item in pipeline
    ]
    if 'PackSegInputs' in names[:-1]:
        raise ValueError(f'{key}: PackSegInputs is in place '
                         f'{names.index("PackSegInputs")} of {names}, but '
                         'must be the last')
    if not names or not isinstance(names[0], str):
        return
    first = TRANSFORMS.get(names[0])
    if first is not None and first.__module__.split('.')[0] in (
            'mmcv', 'mmseg') and 'Load' not in names[0].replace(
                'LoadAnnotations', ''):
        raise ValueError(f'{key} begins with {names[0]}, which needs an '
                         "image; put dict(type='LoadImageFromFile') first")


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
    ignored = sorted({part.get('ignore_index', 255) for part in heads})
    if len(ignored) > 1:
        raise ValueError(f'model: the heads have different ignore_index '
                         f'{ignored}; give all the same')
    index = ignored[0] if ignored else 255
    for key, value in config_items(cfg._cfg_dict):
        if '.unlabeled.' in key or not isinstance(value, int):
            continue
        if key.endswith('.ignore_index') and value != index and not \
                key.startswith('model.') and '_pipeline.' not in key:
            raise ValueError(f'{key}={value}, but the heads have '
                             f'ignore_index={index}; set it to {index}')
        if not key.startswith(('model.', 'train_dataloader.')):
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
        for name in ('interval', 'max_keep_ckpts'):
            # To MMEngine, -1 is never or all.
            if hook.get(name, -1) != -1:
                check_number(f'{key}.{name}', hook[name], 1)


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
    banked = [
        f'model.terms.{name}'
        for name, term in getattr(model, 'terms', {}).items() if any(
            isinstance(module, PrototypeBank) for module in term.modules())
    ]
    own = any(
        type(hook).__module__.split('.')[0] not in PACKAGES
        for hook in runner.hooks)
    for hook_class, needs, part in (
        (MeanTeacherHook, teacher is not None, 'model.teacher'),
        (PrototypeBankHook, bool(banked), ' and '.join(banked))):
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
