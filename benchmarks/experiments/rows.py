# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The result of a run is a row: one JSON file."""
import json
import math
import os
from pathlib import Path
from typing import Any, List, Optional, Tuple

from .config_lists import missing_lists
from .fingerprint import changed_keys, effective, plain
from .grid import Grid, Run


def row_path(folder: Path, run: Run) -> Path:
    """Where the row of a run is."""
    return folder / f'{run.name}.json'


def save_row(folder: Path, run: Run, row: dict) -> None:
    """Write a row, whole or not at all. NaN becomes null."""
    path = row_path(folder, run)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix('.part')
    partial.write_text(
        json.dumps(_finite(row), indent=1, allow_nan=False) + '\n',
        encoding='utf-8')
    os.replace(partial, path)


def load_row(folder: Path, run: Run) -> Optional[dict]:
    """Read the row of a run, None if there is none.

    Raises:
        ValueError: If the file holds no row.
    """
    path = row_path(folder, run)
    if not path.is_file():
        return None
    try:
        row = json.loads(path.read_text(encoding='utf-8'))
        for name in ('method', 'split', 'seed', 'status', 'config_hash',
                     'data_hash'):
            row[name]
        if row['status'] == 'done':
            for name in ('test', 'val', 'versions', 'val_is_test'):
                row[name]
            row['test']['last']
    except (ValueError, KeyError, TypeError):
        raise ValueError(f'{path} is no result of a run; delete it to run '
                         'that experiment anew') from None
    return row


def difference(row: dict, run: Run) -> List[str]:
    """Say in what a row's experiment differs from a run; empty if in none."""
    changes = []
    if row['config_hash'] != run.config_hash:
        changes = changed_keys(*map(
            effective, (row.get('config') or {}, plain(run.config))))
        changes = changes or ['pseudo_labels, or the rule of the hash']
    elif row['data_hash'] != run.data_hash:
        changes = ['the lists of images']
    return changes


def load_rows(grid: Grid,
              folder: Path) -> Tuple[List[dict], List[dict], List[Run]]:
    """Read the rows of a grid.

    Lists of images are compared if they are there.

    Returns:
        tuple: Rows of the grid as it is now, rows of runs whose config or
        lists have changed since, and runs without a row.
    """
    current, outdated, missing = [], [], []
    for run in grid.runs:
        row = load_row(folder, run)
        if row is None:
            missing.append(run)
        elif row['config_hash'] != run.config_hash or (
                row['data_hash'] != run.data_hash
                and not missing_lists(run.config)):
            outdated.append(row)
        else:
            current.append(row)
    return current, outdated, missing


def _finite(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _finite(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_finite(value) for value in node]
    if isinstance(node, float) and not math.isfinite(node):
        return None
    return node
