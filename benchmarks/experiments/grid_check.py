# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Whether a grid file and the configs of its runs can be used."""
import re
from typing import Any

from mmengine.config import Config

from .config_lists import leaf_dataset

_KEYS = dict(
    grid={'methods', 'splits', 'seeds', 'cfg_options', 'pseudo_labels'},
    method={'config', 'cfg_options'},
    split={'labeled', 'unlabeled', 'cfg_options'})
_NAME = re.compile(r'[\w.-]+')


def check_content(content: dict, path: str) -> None:
    """Check what a grid file holds.

    Args:
        content (dict): Its variables.
        path (str): The file, for messages.

    Raises:
        ValueError: If a key is missing, unknown or of the wrong kind.
    """
    _check_keys(content, 'grid', path, f'The grid {path!r}')
    for kind in ('methods', 'splits'):
        entries = content.get(kind)
        if not isinstance(entries, dict) or not entries:
            raise ValueError(f'{kind} in {path!r} must be a dict of at least '
                             f'one entry by name, but is {entries!r}')
        for name, entry in entries.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ValueError(
                    f'{kind} in {path!r} has the name {name!r}; names are '
                    'strings of letters, digits, "_", "-" and "."')
            _check_keys(entry, kind[:-1], path, f'{kind}[{name!r}] in '
                        f'{path!r}')
    for name, entry in content['methods'].items():
        if not isinstance(entry.get('config'), str):
            raise ValueError(f"methods[{name!r}] in {path!r} needs "
                             "config='path of a config'")
    for name, entry in content['splits'].items():
        for part in ('labeled', 'unlabeled'):
            if not isinstance(entry.get(part, ''), str):
                raise ValueError(
                    f'splits[{name!r}].{part} in {path!r} must be the path '
                    f'of a list, but is {entry[part]!r}')
    seeds = content.get('seeds')
    if not isinstance(seeds, (list, tuple)) or not seeds or \
            not all(type(seed) is int for seed in seeds) or \
            len(set(seeds)) < len(seeds):
        raise ValueError(f'seeds in {path!r} must be a list of different '
                         f'integers, but is {seeds!r}')


def check_run(config: Config, pseudo_labels: bool, where: str) -> None:
    """Check whether a grid can train and score a config.

    Args:
        config (Config): The resolved config.
        pseudo_labels (bool): Whether the unlabelled list is to be scored.
        where (str): Its method and grid, for messages.

    Raises:
        ValueError: If it lacks something.
    """
    if 'max_iters' not in config.get('train_cfg', {}):
        raise ValueError(f'{where} has no train_cfg.max_iters; use a config '
                         'that counts iterations')
    if not config.get('test_evaluator'):
        raise ValueError(f'{where} has no test_evaluator, so nothing would '
                         'be scored')
    unlabeled = config.train_dataloader.dataset.get('unlabeled') or {}
    if pseudo_labels and not leaf_dataset(unlabeled).get('ann_file'):
        raise ValueError(
            f'pseudo_labels is set, but {where} has no list with masks to '
            'score (train_dataloader.dataset.unlabeled.ann_file); leave '
            'pseudo_labels out')
    checkpoint = (config.get('default_hooks') or {}).get('checkpoint') or {}
    best = checkpoint.get('save_best')
    if best is not None and (not isinstance(best, str) or best == 'auto'):
        raise ValueError(
            f'{where} has default_hooks.checkpoint.save_best={best!r}; a '
            'grid scores one best checkpoint, so name one score, such as '
            "'mIoU'")


def _check_keys(entry: Any, kind: str, path: str, where: str) -> None:
    if not isinstance(entry, dict):
        raise ValueError(f'{where} must be a dict, but is {entry!r}')
    unknown = sorted(map(str, set(entry) - _KEYS[kind]))
    if unknown:
        raise ValueError(f'{where} has the unknown key {unknown[0]!r}; a '
                         f'{kind} has {", ".join(sorted(_KEYS[kind]))}')
    options = entry.get('cfg_options')
    if options is not None and not isinstance(options, dict):
        raise ValueError(f'{where}: cfg_options must be a dict of settings, '
                         f'but is {options!r}')
