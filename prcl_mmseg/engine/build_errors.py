# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Errors of what a config builds, with the key that is to be changed."""
import re
import traceback
from contextlib import contextmanager
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

import mmengine.registry
from mmengine.config import Config
from mmengine.registry import Registry
from torch.utils.data import DataLoader

from ..value_check import did_you_mean
from .config_parts import config_items
from .signatures import arguments, misfits

# What MMEngine builds by, and the argument that is a part of the config.
BUILDERS = dict(
    build_from_cfg='cfg',
    build_model_from_cfg='cfg',
    build_scheduler_from_cfg='cfg',
    build_dataloader='dataloader',
    build_optim_wrapper='optim_wrapper')
OWN_PACKAGE = __name__.split('.')[0]


class ConfigError(ValueError):
    """Names the key of a config, the value and the cure."""


class Building(NamedTuple):
    """One of the nested builds in which an error was raised.

    Args:
        part (Any): The part of the config; a dict, if it is right.
        registry (Registry, optional): Where its type is looked up.
    """

    part: Any
    registry: Optional[Registry]

    @property
    def kind(self) -> Any:
        """What it builds, if that is known."""
        kind = self.part.get('type')
        if isinstance(kind, str) and self.registry is not None:
            return self.registry.get(kind)
        return DataLoader if 'batch_size' in self.part else kind

    @property
    def name(self) -> str:
        """What is built is called so."""
        return getattr(self.kind, '__name__', str(self.kind))


@contextmanager
def explain_build_errors(cfg: Config) -> Iterator[None]:
    """Name the part of the config from which an error comes.

    Errors while something is built, by whichever package, get the key, the
    settings and, if a name is not known, a near one. All others are raised as
    they are.

    Args:
        cfg (Config): What is built.

    Raises:
        ConfigError: From the error, instead of it.
    """
    try:
        yield
    except Exception as error:
        builds = _builds(error)
        if not builds:
            raise
        raise ConfigError(_explain(error, builds, cfg)) from error


def _builds(error: Exception) -> List[Building]:
    """The builds that had begun when the error was raised, outer first."""
    builds: List[Building] = []
    for frame, _ in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        part = frame.f_locals.get(BUILDERS.get(code.co_name))
        if part is None or 'mmengine' not in code.co_filename:
            continue
        builds.append(Building(part, frame.f_locals.get('registry')))
        if not isinstance(part, dict):
            break
    return builds


def _explain(error: Exception, builds: List[Building], cfg: Config) -> str:
    build = builds[-1]
    part = build.part
    key, node = _find_part(builds, cfg)
    if not isinstance(part, dict):
        name = next((f'.{name}' for name, value in config_items(
            builds[-2].part) if value is part), '') if builds[1:] else ''
        return (f"{key}{name}={part!r} must be a dict with a type, such as "
                "dict(type='NAME')")
    text = str(error.args[0] if isinstance(error, KeyError) else error)
    unknown = _unknown_type(build, text)
    if unknown is not None:
        kind, names = unknown
        where = next((where for where, value in config_items(node, key)
                      if value == kind), f'{key}.type')
        return (f'{where}={kind!r} is not registered; '
                f'{did_you_mean(kind.split(".")[-1], names, listed=False)}'
                'modules of your own are imported by '
                "custom_imports=dict(imports=['my_module'])")
    argument = re.search(r"unexpected keyword argument '(\w+)'", text)
    if argument and argument[1] in part:
        name = argument[1]
        guess = did_you_mean(name, arguments(build.kind))
        return (f'{key}.{name}={_shorten(part[name])}: {build.name} has no '
                f'such setting; {guess}')
    last = traceback.extract_tb(error.__traceback__)[-1]
    if OWN_PACKAGE in last.filename and (last.line or '').startswith('raise'):
        return f'{key}: {text}'
    wrong = misfits(build.kind, part)
    return (f'{key}={_shorten(part)} can\'t be built: {type(error).__name__}: '
            f'{text or last.line}. Correct '
            f'{" and ".join(wrong) or "these settings"}.')


def _unknown_type(build: Building,
                  text: str) -> Optional[Tuple[str, List[str]]]:
    """A type that is not registered, and those that are."""
    registries = [
        registry for registry in vars(mmengine.registry).values()
        if isinstance(registry, Registry)
    ]
    kind = build.part.get('type')
    if isinstance(kind, str) and f'{kind} is not in the ' in text:
        if build.registry is not None:
            registries = [build.registry, build.registry.root]
        return kind, _registered(registries)
    if 'None' not in text:
        return None
    # Builders of layers and optimizers look types up by themselves.
    names = _registered(registries)
    for _, value in config_items(build.part):
        kind = value.get('type') if isinstance(value, dict) else None
        if isinstance(kind, str) and kind.split('.')[-1] not in names:
            return kind, names
    return None


def _registered(registries: List[Registry]) -> List[str]:
    names: List[str] = []
    for registry in registries:
        names += registry.module_dict
        names += _registered(list(registry.children.values()))
    return names


def _find_part(builds: List[Building], cfg: Config) -> Tuple[str, dict]:
    """The innermost part that stands in the config, and its key."""
    key, node = '', cfg._cfg_dict
    for part, _ in builds:
        if isinstance(part, dict):
            # What a loop builds does not stand below the loop.
            found = _search(node, part, key) or _search(
                cfg._cfg_dict, part, '')
            key, node = found or (key, node)
    return key or 'config', node


def _search(node: Any, part: dict, key: str) -> Optional[Tuple[str, Any]]:
    """The part of a config that is equal, or else the most similar one."""
    best, best_score = None, 0.5
    for where, candidate in config_items(node, key):
        if not isinstance(candidate, dict) or candidate.get(
                'type') != part.get('type'):
            continue
        same = sum(name in candidate and candidate[name] == value
                   for name, value in part.items())
        score = (same + 1) / (1 + len({*candidate, *part}))
        if score > best_score:
            best, best_score = (where, candidate), score
    return best


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 400 else f'{text[:400]}...'
