# Copyright (c) prcl_mmseg authors. All rights reserved.
import json
import math
from pathlib import Path
from typing import Dict, List, NamedTuple

_PLACES = ('step', 'iter')
_TIMES = ('time', 'data_time')


class Series(NamedTuple):
    """A number that a training logged.

    Args:
        steps (list[int]): Iterations, ascending.
        values (list[float]): The number at each of them, finite.
    """

    steps: List[int]
    values: List[float]


def read_scalars(work_dir: Path) -> Dict[str, Series]:
    """Read what MMEngine's local backend wrote during a training.

    A training that was resumed has several files. From the step on at which
    a later one begins, it replaces the earlier ones.

    Args:
        work_dir (Path): Holds ``TIMESTAMP/vis_data/scalars.json``.

    Returns:
        dict[str, Series]: By name, in the order of the files.

    Raises:
        FileNotFoundError: If there is no such file, or nothing in it.
    """
    files = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    points: Dict[str, Dict[int, float]] = {}
    for file in files:
        rows = list(_rows(file))
        if not rows:
            continue
        # A validation that was cut off is taken again, its iteration not.
        kept = min(row['step'] - ('iter' in row) for row in rows)
        for known in points.values():
            for step in [step for step in known if step > kept]:
                del known[step]
        for row in rows:
            # Without an iteration, times are those of a validation.
            passed = _PLACES if 'iter' in row else _PLACES + _TIMES
            for name, value in row.items():
                if name not in passed and isinstance(
                        value, (int, float)) and math.isfinite(value):
                    points.setdefault(name, {})[row['step']] = value
    series = {name: Series(*map(list, zip(*sorted(known.items()))))
              for name, known in points.items() if known}
    if not series:
        raise FileNotFoundError(
            f'{work_dir} holds no TIMESTAMP/vis_data/scalars.json with '
            'numbers; give the work directory of a training that has logged, '
            "with LocalVisBackend in vis_backends")
    return series


def _rows(file: Path) -> List[dict]:
    rows = []
    for line in file.read_text(encoding='utf-8').splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            # The last line of a process that was killed.
            continue
        if 'step' in row:
            rows.append(row)
    return rows
