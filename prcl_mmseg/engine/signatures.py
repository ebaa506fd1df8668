# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What classes take, to say what was meant once it has failed."""
import inspect
import types
from numbers import Real
from typing import (Any, List, Optional, Sequence, Union, get_args, get_origin,
                    get_type_hints)

# float | str, where Python has it, is no Union.
_UNIONS = (Union, getattr(types, 'UnionType', Union))


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


def misfits(kind: Any, settings: dict,
            hints_of: Optional[Sequence[Any]] = None) -> List[str]:
    """The settings that are of another kind than a class says it takes.

    Args:
        kind (Any): The class.
        settings (dict): Its arguments.
        hints_of (Sequence[Any], optional): Look at arguments with these type
            hints only.
    """
    found = []
    hints: dict = {}
    for function in reversed(_constructors(kind)):
        try:
            hints.update({
                item.name: type(item.default)
                for item in inspect.signature(function).parameters.values()
                if item.default is not None and item.default is not item.empty
            })
            hints.update(get_type_hints(function))
        except Exception:  # Annotations of other packages may fail anyhow.
            continue
    for name, value in settings.items():
        hint = hints.get(name, Any)
        if hints_of is not None and hint not in hints_of:
            continue
        if not _fits(value, hint):
            wanted = hint.__name__ if isinstance(hint, type) else hint
            found.append(f'{name}={value!r} must be {wanted}')
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
    if isinstance(value, dict) and 'type' in value:
        return True  # It is built first.
    if origin in _UNIONS:
        return any(_fits(value, choice) for choice in get_args(hint))
    wanted = origin or hint
    if wanted in (int, float, bool):
        wanted = Real
    elif wanted in (tuple, list):
        wanted = (tuple, list)
    elif wanted is Any or not isinstance(wanted, type):
        return True
    return isinstance(value, wanted)
