# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Settings from the command line, which must fit the config."""
import inspect
from typing import Any, Dict

from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.utils import import_modules_from_strings

from ..value_check import did_you_mean, near

# What a config may have without a variable of its own.
KNOWN = {
    *inspect.signature(Runner.__init__).parameters, 'auto_scale_lr',
    'compile', 'custom_imports', 'find_unused_parameters',
    'model_wrapper_cfg', 'runner_type', 'sync_bn', 'tta_model',
    'tta_pipeline'
} - {'self', 'cfg'}


def merge_options(cfg: Config, options: Dict[str, Any]) -> None:
    """Override settings of a config, in place.

    MMEngine would make a misspelt key a new one, which nobody reads. What
    lies below a ``type`` is checked when that is built.

    Args:
        cfg (Config): The config.
        options (dict[str, Any]): Values by dotted key.

    Raises:
        ValueError: If there is no place for a key; names the near one.
    """
    for key in options:
        _check_key(cfg, key, options)
    cfg.merge_from_dict(options)
    if any(key.split('.')[0] == 'custom_imports' for key in options):
        # MMEngine imports while it reads a file.
        import_modules_from_strings(**cfg.custom_imports)


def _check_key(cfg: Config, key: str, options: Dict[str, Any]) -> None:
    node: Any = cfg._cfg_dict
    *parents, leaf = key.split('.')
    for depth, name in enumerate(parents):
        path = '.'.join(parents[:depth + 1])
        given = f'{key}={options[key]!r}'
        if isinstance(node, (list, tuple)):
            _check_index(given, path, node, name)
            node = node[int(name)]
        elif not isinstance(node, dict):
            raise ValueError(
                f'{given}: {".".join(parents[:depth])} is {node!r} and has '
                'no settings; leave out what follows it')
        elif node.get(name) is not None:
            node = node[name]
        elif _may_begin(node, name, path, depth, options):
            return
        else:
            raise ValueError(f'{given}: there is no {path}; '
                             f'{did_you_mean(name, _names(node, depth))}')
    if isinstance(node, (list, tuple)):
        _check_index(f'{key}={options[key]!r}', key, node, leaf)
        # MMEngine changes the settings of an entry only.
        raise ValueError(f'{key}={options[key]!r} changes one of '
                         f'{list(node)}; give the whole {".".join(parents)}')
    elif not isinstance(node, dict):
        raise ValueError(f'{key}={options[key]!r}: {".".join(parents)} is '
                         f'{node!r} and has no settings; set it instead')
    elif not parents and leaf not in KNOWN and leaf not in node:
        names = _names(node, 0)
        if near(leaf, names):
            raise ValueError(f'{key}={options[key]!r}: there is no {leaf}; '
                             f'{did_you_mean(leaf, names)}')


def _may_begin(node: dict, name: str, path: str, depth: int,
               options: Dict[str, Any]) -> bool:
    """Whether a dict may be begun that the config does not have."""
    if depth == 0:
        return name in KNOWN
    # Whatever has a type says itself what it takes.
    if 'type' in node or name in node or {path, f'{path}.type'} & set(options):
        return True
    # Beside parts that have a type, one without would be nothing.
    return not any(
        isinstance(other, dict) and 'type' in other for other in node.values())


def _check_index(given: str, path: str, node: Any, name: str) -> None:
    if not name.isdigit() or int(name) >= len(node):
        count = f'{len(node)} {"entry" if len(node) == 1 else "entries"}'
        raise ValueError(f'{given}: {path} is no place in a list of {count}; '
                         'give a number, counted from 0')


def _names(node: dict, depth: int) -> set:
    return {*node, *KNOWN} if depth == 0 else set(node)
