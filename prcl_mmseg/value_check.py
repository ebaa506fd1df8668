# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Values that are refused, and the near ones that were meant."""
from difflib import get_close_matches
from math import inf
from numbers import Real
from typing import Any, Iterable, List, Sequence, Tuple


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


def near(word: Any, known: Iterable[str]) -> List[str]:
    """The known words that ``word`` looks like, the nearest first."""
    lower = {name.lower(): name for name in known}
    found = get_close_matches(str(word).lower(), lower, n=3, cutoff=0.6)
    return [lower[name] for name in found]


def did_you_mean(word: Any, known: Iterable[str], listed: bool = True) -> str:
    """A question that names the near words.

    Args:
        word (Any): What was given.
        known (Iterable[str]): What there is.
        listed (bool): Whether to list what there is if nothing is near.
    """
    known = sorted(set(known))
    guesses = near(word, known)
    if guesses:
        return f'did you mean {" or ".join(map(repr, guesses))}? '
    if listed and known:
        return f'there are {", ".join(map(repr, known))}'
    return ''


def listed(names: Sequence[Any], most: int = 8) -> str:
    """The first names in one line, and how many more there are."""
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(map(str, names[:most])) + more
