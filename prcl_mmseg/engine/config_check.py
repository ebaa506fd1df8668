# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Looks over the values of a config that MMEngine takes without a word.

What a part of the model is given, its class checks. This is about what lies
around it: schedule, data loaders, pipelines, padding.
"""
import inspect
import os.path as osp
import re
from functools import lru_cache
from typing import Any, Iterable, Iterator, Pattern, Tuple

from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS, MODELS, RUNNERS, TRANSFORMS

from ..value_check import check_choice, check_number, did_you_mean, near
from .config_parts import config_dicts, config_items
from .config_rules import (BOOLS, BUILT_FROM, CHOICES, DEFAULTS_TO_255, DICTS,
                           ENDLESS, GREEDY, IGNORES, KEYS, LISTS,
                           LOSS_IGNORES, NEEDED, NEVER_NONE, NUMBERS,
                           OWN_PACKAGE, PACKAGES, PADDINGS, PLAIN, WEIGHTS)
from .hook_check import check_hooks
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
    own = _is_own(MODELS.module_dict.get((cfg.get('model') or {}).get('type')))
    for key, value in _items(cfg, training):
        if key.startswith('model.') and not own:
            continue
        _check_kind(key, value)
        _check_names(key, value)
        _check_own(key, value)
        for pattern, bounds in NUMBERS.items():
            # A class of the user's may take several.
            several = '**' in pattern and isinstance(value, (list, tuple))
            if value is not None and not several and _matches(key, [pattern]):
                check_number(key, value, **bounds)
        if value is not None and _matches(key, BOOLS):
            check_choice(key, value, (True, False))
        if key in CHOICES and value is not None and not isinstance(
                value, list):
            check_choice(key, value, CHOICES[key])
        if key in ('val_dataloader.drop_last', 'test_dataloader.drop_last') \
                and value:
            raise ValueError(f'{key}=True would leave images out of the '
                             'scores; set it to False')
        if key.endswith('_dataloader') and isinstance(value, dict):
            _check_workers(key, value)
        _check_unwrapped(cfg, key, value)
        if key in ENDLESS and value == 'InfiniteSampler':
            raise ValueError(f'{key}={value!r} would never end; use '
                             "'DefaultSampler'")
        if isinstance(value, dict) and 'pipeline' in value:
            _check_order(key, value)
    if training:
        _check_padding(cfg)
        _check_edges(cfg)
        _check_schedule(cfg)
        check_hooks(cfg)


def ignored_label_of(cfg: Config) -> int:
    """The label that the losses of a config ignore.

    Raises:
        ValueError: If its heads differ.
    """
    heads = [
        part for part in config_dicts(cfg.get('model'))
        if 'loss_decode' in part
    ]
    # None is MMSegmentation's default, too.
    ignored = sorted({
        255 if part.get('ignore_index') is None else part['ignore_index']
        for part in heads
    })
    if len(ignored) > 1:
        raise ValueError(f'model: the heads have different ignore_index '
                         f'{ignored}; give all the same')
    return ignored[0] if ignored else 255


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


def _check_runner(cfg: Config) -> None:
    kind = cfg.get('runner_type', 'Runner')
    runner = RUNNERS.get(kind) if isinstance(kind, str) else kind
    if runner is not None and not issubclass(runner, Runner):
        raise ValueError(
            f'runner_type={kind!r} is not supported: models, hooks and loops '
            "here need MMEngine's Runner; leave runner_type out")


def _check_unwrapped(cfg: Config, key: str, value: Any) -> None:
    """What has two kinds of images is the outermost data set."""
    if key.startswith('train_dataloader.dataset.') and isinstance(
            value, dict) and value.get('type') == 'SemiSegDataset':
        raise ValueError(
            f"{key}.type='SemiSegDataset', but train_dataloader.dataset.type="
            f'{cfg.train_dataloader.dataset.get("type")!r}: a wrapper hides '
            'which images have masks; put it around '
            'train_dataloader.dataset.labeled or unlabeled')


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
    known = next(
        (names for pattern, names in KEYS.items() if _matches(key, [pattern])),
        ())
    for pattern, registry in GREEDY.items():
        kind = value.get('type')
        if _matches(key, [pattern]) and isinstance(kind, str) and _is_known(
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
                       if _matches(key, [pattern])), ())
    for registry in registries:
        kind = registry.module_dict.get(name)
        wrong = misfits(kind, value, PLAIN) if _is_own(kind) else []
        if wrong:
            raise ValueError(f'{key}: {" and ".join(wrong)}')


def _check_order(key: str, dataset: dict) -> None:
    """Images are loaded first and packed last, if they are files."""
    kind = DATASETS.module_dict.get(dataset.get('type'))
    if not inspect.isclass(kind) or not issubclass(
            kind, BaseSegDataset) or not _is_known(kind):
        return
    pipeline = dataset['pipeline']
    if not isinstance(pipeline, (list, tuple)):
        raise ValueError(f'{key}.pipeline={pipeline!r} must be a list of '
                         'transforms')
    names = [item.get('type') if isinstance(item, dict) else None
             for item in pipeline]
    kinds = [TRANSFORMS.get(name) if isinstance(name, str) else None
             for name in names]
    if 'PackSegInputs' in names:
        place = names.index('PackSegInputs')
        after = [name for name, kind in zip(names[place + 1:],
                                            kinds[place + 1:])
                 if _is_known(kind)]
        if after:
            raise ValueError(f'{key}.pipeline: {after} stand behind '
                             'PackSegInputs; make that the last')
    first = str(names[0]) if names else ''
    # Wrappers such as RandomChoice may load in what they wrap.
    loads = first != 'LoadAnnotations' and 'Load' in first or 'transforms' in (
        pipeline[0] if names else ())
    if names and _is_known(kinds[0]) and not loads:
        raise ValueError(f'{key}.pipeline begins with {names[0]}, which needs '
                         "an image; put dict(type='LoadImageFromFile') first")


def _is_own(kind: Any) -> bool:
    return getattr(kind, '__module__', '').startswith(OWN_PACKAGE)


def _is_known(kind: Any) -> bool:
    """Whether a class is of a package that takes what it says."""
    return getattr(kind, '__module__', '').split('.')[0] in PACKAGES


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


def _check_schedule(cfg: Config) -> None:
    """Refuse what would begin after the last iteration."""
    loop = cfg.train_cfg
    by_iteration = loop.get('type') == 'IterBasedTrainLoop' or loop.get(
        'by_epoch') is False
    if not by_iteration:
        return
    if loop.get('val_begin', 1) > loop.get('max_iters', 1):
        raise ValueError(
            f'train_cfg.val_begin={loop.val_begin} is beyond '
            f'train_cfg.max_iters={loop.max_iters}: there would be no '
            'validation; lower it')
    schedulers = cfg.get('param_scheduler') or []
    if isinstance(schedulers, dict):
        schedulers = [schedulers]
    for index, item in enumerate(schedulers):
        # ReduceOnPlateau steps after validations, whatever the loop counts.
        if isinstance(item, dict) and item.get('by_epoch', True) and \
                not item.get('convert_to_iter_based') and \
                'ReduceOnPlateau' not in str(item.get('type')):
            raise ValueError(
                f'param_scheduler.{index}.by_epoch=True, which is also its '
                'default: a training by iterations ends before its first '
                'epoch does, and the learning rate would never change; set '
                'by_epoch=False')


def _check_edges(cfg: Config) -> None:
    """PIDNet learns from edges, which a transform draws."""
    if all(part.get('type') != 'PIDHead' for part in config_dicts(cfg.model)):
        return
    names = [part.get('type') for part in config_dicts(cfg.train_dataloader)]
    kinds = [TRANSFORMS.get(name) for name in names if isinstance(name, str)]
    # One of the user's own may draw them, too.
    if 'GenerateEdge' not in names and all(
            kind is None or _is_known(kind) for kind in kinds):
        raise ValueError(
            'train_dataloader.dataset: PIDHead learns from edges of the '
            "masks; put dict(type='GenerateEdge', edge_width=4) before "
            "PackSegInputs of the labelled images' pipeline")


def _check_losses(cfg: Config, index: int) -> None:
    """Losses must ignore the label that their head ignores."""
    for key, loss in config_items(cfg._cfg_dict):
        kind = loss.get('type') if isinstance(loss, dict) else None
        name = LOSS_IGNORES.get(kind) if isinstance(kind, str) else None
        if not key.startswith('model.') or name is None:
            continue
        # To DiceLoss it is a class to leave out, too.
        if kind == 'DiceLoss' and name in loss:
            continue
        if loss.get(name, 255) != index:
            raise ValueError(f'{key}.{name}={loss.get(name, 255)}, but the '
                             f'heads have ignore_index={index}; set it to '
                             f'{index}')


def _check_padding(cfg: Config) -> None:
    """Padding of masks must be ignored, not be a class."""
    index = ignored_label_of(cfg)
    _check_losses(cfg, index)
    for key, value in config_items(cfg._cfg_dict):
        kind = value.get('type') if isinstance(value, dict) else None
        if isinstance(kind, str) and kind in DEFAULTS_TO_255:
            name = DEFAULTS_TO_255[kind]
            key, value = f'{key}.{name}', value.get(name, 255)
        if '.unlabeled.' in key or not isinstance(value, int):
            continue
        if value != index and _matches(key, IGNORES):
            raise ValueError(f'{key}={value}, but the heads have '
                             f'ignore_index={index}; set it to {index}')
        if value != index and _matches(key, PADDINGS):
            raise ValueError(
                f'{key}={value}: padding would have the label {value}, '
                f'since the heads have ignore_index={index}; set it to '
                f'{index}')
