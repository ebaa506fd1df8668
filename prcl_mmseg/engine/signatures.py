# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What classes take, to say what was meant once it has failed."""
import inspect
from numbers import Real
from typing import Any, List, Union, get_args, get_origin, get_type_hints


def arguments(kind: Any) -> List[str]:
    """Names of the arguments of a class or function.

    Those of a class are its own and, as long as they are handed on by
    ``**kwargs``, those of the classes above it.
    """
    names: List[str] = []
    for function in _constructors(kind):
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            break
        names += [
            item.name for item in parameters
            if item.kind in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY)
            and item.name != 'self'
        ]
        if all(item.kind != item.VAR_KEYWORD for item in parameters):
            break
    return names


def misfits(kind: Any, settings: dict) -> List[str]:
    """The settings that are of another kind than a class says it takes."""
    found = []
    hints: dict = {}
    for function in reversed(_constructors(kind)):
        try:
            hints.update({
                item.name: type(item.default)
                for item in inspect.signature(function).parameters.values()
                if item.default not in (item.empty, None)
            })
            hints.update(get_type_hints(function))
        except Exception:  # Of another package, and it may be anything.
            continue
    for name, value in settings.items():
        if name in hints and not _fits(value, hints[name]):
            hint = hints[name]
            wanted = hint.__name__ if isinstance(hint, type) else hint
            found.append(f'{name}={value!r}, which must be {wanted}')
    return found


def _constructors(kind: Any) -> list:
    if not inspect.isclass(kind):
        return [kind] if callable(kind) else []
    return [
        vars(base)['__init__'] for base in inspect.getmro(kind)[:-1]
        if '__init__' in vars(base)
    ]


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Union:
        return any(_fits(value, choice) for choice in get_args(hint))
    wanted = origin or hint
    if wanted in (int, float):
        wanted = Real
    return not isinstance(wanted, type) or isinstance(value, wanted)
