# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Errors of what a config builds, with the key that is to be changed."""
import inspect
import re
import traceback
from contextlib import contextmanager
from types import FrameType
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

from mmengine.config import Config
from mmengine.registry import Registry

from ..value_check import did_you_mean
from .config_parts import config_items

# What MMEngine builds by, and the argument that is a part of the config.
BUILDERS = dict(
    build_from_cfg='cfg',
    build_model_from_cfg='cfg',
    build_scheduler_from_cfg='cfg',
    build_dataloader='dataloader',
    build_optim_wrapper='optim_wrapper',
    build_train_loop='loop',
    build_val_loop='loop',
    build_test_loop='loop')
OWN_PACKAGE = __name__.split('.')[0]


class ConfigError(ValueError):
    """Names the key of a config, the value and the cure."""


class Building(NamedTuple):
    """One of the nested builds in which an error was raised."""

    part: Any
    registry: Optional[Registry]


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
    builds = []
    for frame, _ in traceback.walk_tb(error.__traceback__):
        part = _part(frame)
        if part is not None:
            builds.append(Building(part, frame.f_locals.get('registry')))
    return builds


def _part(frame: FrameType) -> Any:
    code = frame.f_code
    if 'mmengine' not in code.co_filename:
        return None
    return frame.f_locals.get(BUILDERS.get(code.co_name))


def _explain(error: Exception, builds: List[Building], cfg: Config) -> str:
    part, registry = builds[-1]
    if not isinstance(part, dict) and len(builds) > 1:
        key, given = _key_of_word(part, builds, cfg)
        return (f'{key}={given!r} must be a dict with a type, such as '
                f"dict(type='NAME')")
    key = _find_key([build.part for build in builds], cfg)
    kind = part.get('type')
    text = str(error) if type(error) is not KeyError else str(error.args[0])
    summary = traceback.extract_tb(error.__traceback__)
    if isinstance(kind, str) and f'{kind} is not in the ' in text:
        return _unknown_type(key, kind, registry)
    argument = re.search(r"unexpected keyword argument '(\w+)'", text)
    if argument and argument[1] in part:
        name = argument[1]
        known = _arguments(kind, registry)
        return (f'{key}.{name}={_shorten(part[name])}: {_name(kind)} takes no '
                f'{name!r}; {did_you_mean(name, known)}')
    if OWN_PACKAGE in summary[-1].filename and text:
        return f'{key}: {text}'
    if isinstance(error, AssertionError) and not text:
        text = summary[-1].line
    return (f'{key}={_shorten(part)} can\'t be built: {type(error).__name__}: '
            f'{text}. Correct these settings.')


def _unknown_type(key: str, kind: str, registry: Optional[Registry]) -> str:
    known: List[str] = []
    where = registry
    while where is not None:
        known.extend(where.module_dict)
        where = where.parent
    guess = did_you_mean(kind.split('.')[-1], known)
    guess = guess if 'did you mean' in guess else ''
    what = f'{registry.name} ' if registry is not None else ''
    return (f'{key}.type={kind!r} is no registered {what}type; {guess} '
            'Modules of your own are imported by '
            "custom_imports=dict(imports=['my_module'])")


def _arguments(kind: Any, registry: Optional[Registry]) -> List[str]:
    """What a class takes, and what it hands on to the classes above it."""
    if isinstance(kind, str) and registry is not None:
        kind = registry.get(kind)
    classes = inspect.getmro(kind) if inspect.isclass(kind) else (kind, )
    names: List[str] = []
    for part in classes[:-1] or classes:
        function = vars(part).get('__init__') if inspect.isclass(
            part) else part
        if function is None or not callable(function):
            continue
        parameters = inspect.signature(function).parameters.values()
        names += [
            item.name for item in parameters
            if item.name != 'self' and item.kind not in (
                item.VAR_KEYWORD, item.VAR_POSITIONAL)
        ]
        if all(item.kind != item.VAR_KEYWORD for item in parameters):
            break
    return names


def _find_key(parts: List[dict], cfg: Config) -> str:
    """The key of the innermost part that stands in the config."""
    key, node = '', cfg._cfg_dict
    for part in parts:
        found = _search(node, part, key)
        if found is not None:
            key, node = found
    return key or 'config'


def _key_of_word(word: Any, builds: List[Building],
                 cfg: Config) -> Tuple[str, Any]:
    """Where a dict was wanted, but something else is given."""
    key = _find_key([build.part for build in builds[:-1]], cfg)
    for name, value in config_items(builds[-2].part):
        if value is word or value == word:
            return f'{key}.{name}', value
    return key, word


def _search(node: Any, part: dict, key: str) -> Optional[Tuple[str, Any]]:
    """The part of a config that is equal, or else the most similar one."""
    best, best_score = None, 0.0
    for where, candidate in config_items(node, key):
        if not where or not isinstance(candidate, dict) or candidate.get(
                'type') != part.get('type'):
            continue
        same = sum(candidate.get(name) == value
                   for name, value in part.items())
        score = (same + 1) / (1 + len({*candidate, *part}))
        if score > best_score:
            best, best_score = (where, candidate), score
    return best


def _name(kind: Any) -> str:
    return kind if isinstance(kind, str) else getattr(kind, '__name__', 'it')


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 400 else f'{text[:400]}...'
