# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Errors of what a config builds, with the key that is to be changed."""
import re
import traceback
from contextlib import contextmanager
from reprlib import Repr
from typing import (Any, Dict, Iterable, Iterator, List, NamedTuple, Optional,
                    Tuple)

import mmengine.registry
from mmengine.config import Config, ConfigDict
from mmengine.registry import Registry
from mmengine.runner import BaseLoop, Runner
from torch.utils.data import DataLoader

from ..datasets.loader_check import check_steps
from ..packages import OWN_PACKAGE
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
_REPR = Repr()
_REPR.maxlevel, _REPR.maxdict, _REPR.maxstring = 2, 40, 120


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
        """str: The name of the class or function that builds it."""
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
        _check_train_loader(error)
        raise ConfigError(_explain(error, builds, cfg)) from error


def _check_train_loader(error: Exception) -> None:
    """An epoch without a batch makes schedules fail, so say that first."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        runner = frame.f_locals.get('self')
        if isinstance(runner, Runner):
            if isinstance(runner._train_loop, BaseLoop):
                check_steps(runner.train_dataloader)
            return


def _builds(error: Exception) -> List[Building]:
    """The builds that had begun when the error was raised, outer first."""
    builds: List[Building] = []
    for frame, _ in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        name = BUILDERS.get(code.co_name)
        if name not in frame.f_locals or 'mmengine' not in code.co_filename:
            continue
        part = frame.f_locals[name]
        builds.append(Building(part, frame.f_locals.get('registry')))
        if not isinstance(part, dict):
            break
    return builds


def _explain(error: Exception, builds: List[Building], cfg: Config) -> str:
    build = builds[-1]
    part = build.part
    key, node = _find_part(builds, cfg)
    if not isinstance(part, dict):
        names = [name for name, value in config_items(node) if value is part]
        name = f'.{names[0]}' if len(names) == 1 else ''
        return (f"{key}{name}={part!r} must be a dict with a type, such as "
                "dict(type='NAME')")
    text = str(error.args[0] if isinstance(error, KeyError) else error)
    unknown = _unknown_type(build, text)
    if unknown is not None:
        kind, names = unknown
        if kind in names:
            return (f'{key}.type={kind!r} is not in the scope '
                    f'{cfg.get("default_scope")!r}; write '
                    f"'{names[kind]}.{kind}'")
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
    # As it stands in the config, without what the builders add.
    settings = node if node.get('type') == part.get('type') else part
    wrong = ', '.join(misfits(build.kind, settings))
    return (f'{key}={_shorten(settings)} can\'t be built: '
            f'{type(error).__name__}: {text or last.line}. Correct these '
            f'settings{": " if wrong else ""}{wrong}.')


def _unknown_type(build: Building,
                  text: str) -> Optional[Tuple[str, Dict[str, str]]]:
    """A type that is not registered, and the scopes of those that are."""
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


def _registered(registries: Iterable[Registry]) -> Dict[str, str]:
    """The scopes of all registered names."""
    names: Dict[str, str] = {}
    for registry in registries:
        names.update(dict.fromkeys(registry.module_dict, registry.scope))
        names.update(_registered(registry.children.values()))
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
    """Without what lies deeper."""
    if isinstance(value, ConfigDict):
        value = value.to_dict()
    return _REPR.repr(value)
