# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Values that are refused, and the near ones that were meant."""
from difflib import get_close_matches
from math import inf
from numbers import Real
from typing import Any, Iterable, Optional, Sequence, Tuple


def check_number(name: str,
                 value: Any,
                 low: float = -inf,
                 high: float = inf,
                 open_low: bool = False,
                 open_high: bool = False,
                 whole: bool = False) -> float:
    """Return ``value`` if it is a finite number within bounds.

    Args:
        name (str): Named in the error, a config key or ``Class.argument``.
        value (Any): What was given.
        low (float): Lower bound. Defaults to none.
        high (float): Upper bound. Defaults to none.
        open_low (bool): Whether the lower bound is not allowed itself.
        open_high (bool): Whether the upper bound is not allowed itself.
        whole (bool): Whether it has to be an int.

    Raises:
        ValueError: If it is something else, NaN and bool included.
    """
    kind = int if whole else Real
    if (isinstance(value, kind) and not isinstance(value, bool)
            and -inf < value < inf and low <= value <= high
            and not (open_low and value == low)
            and not (open_high and value == high)):
        return value
    wanted = 'a whole number' if whole else 'a number'
    if high < inf:
        wanted += (f' in {"(" if open_low else "["}{low:g}, {high:g}'
                   f'{")" if open_high else "]"}')
    elif low > -inf:
        wanted += f' {"above" if open_low else "of at least"} {low:g}'
    raise ValueError(f'{name}={value!r} must be {wanted}')


def check_interval(name: str,
                   value: Any,
                   low: float = -inf,
                   high: float = inf,
                   open_low: bool = False) -> Tuple[float, float]:
    """Return ``value`` as a tuple if it is an interval within bounds.

    Raises:
        ValueError: If it is not a pair (min, max) of numbers with
            ``low <= min <= max <= high``.
    """
    try:
        first, second = (
            check_number(name, number, low, high, open_low)
            for number in value)
    except (TypeError, ValueError):
        first, second = 1, 0
    if first > second:
        bounds = f'{low:g} {"<" if open_low else "<="} min <= max'
        if high < inf:
            bounds += f' <= {high:g}'
        raise ValueError(f'{name}={value!r} must be a pair (min, max) of '
                         f'numbers with {bounds}')
    return first, second


def check_choice(name: str, value: Any, choices: Sequence) -> Any:
    """Return ``value`` if it is one of ``choices``.

    Raises:
        ValueError: If it is not.
    """
    if value not in choices:
        listed = ', '.join(map(repr, choices))
        raise ValueError(f'{name}={value!r} is not known; use one of {listed}')
    return value


def near(word: Any, known: Iterable[str]) -> Optional[str]:
    """The known word that ``word`` looks like, if there is one."""
    lower = {name.lower(): name for name in known}
    found = get_close_matches(str(word).lower(), lower, n=1, cutoff=0.6)
    return lower[found[0]] if found else None


def did_you_mean(word: Any, known: Iterable[str]) -> str:
    """A question that names the near word, or a list of what is known."""
    known = list(known)
    guess = near(word, known)
    if guess is not None:
        return f'did you mean {guess!r}?'
    return f'there are {", ".join(map(repr, known))}' if known else ''
