# Copyright (c) prcl_mmseg authors. All rights reserved.
from pathlib import Path
from statistics import mean, stdev
from typing import Optional, Sequence

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402

from .grid import Grid  # noqa: E402

# Points of one split stand side by side.
_APART = 0.06


def plot_rows(grid: Grid,
              rows: Sequence[dict],
              path: Path,
              methods: Optional[Sequence[str]] = None) -> None:
    """Draw test mIoU over the splits: means and deviations over the seeds.

    Args:
        grid (Grid): The grid; its order is that of the figure.
        rows (Sequence[dict]): Its rows. The last checkpoints are drawn.
        path (Path): Image to write.
        methods (Sequence[str], optional): Which methods. Defaults to all.

    Raises:
        ValueError: For a method that the grid does not have, or if none of
            its runs is done.
    """
    unknown = sorted(set(methods or ()) - set(grid.methods))
    if unknown:
        raise ValueError(
            f'--methods {unknown[0]}: the grid {grid.name!r} has no such '
            f'method; it has {", ".join(grid.methods)}')
    rows = [row for row in rows
            if row['status'] == 'done' and _score(row) is not None]
    chosen = [method for method in methods or grid.methods
              if any(row['method'] == method for row in rows)]
    if not chosen:
        raise ValueError(f'the grid {grid.name!r} has no result with a test '
                         'mIoU to draw; execute it first')
    splits = [split for split in grid.splits
              if any(row['split'] == split for row in rows)]
    figure, axes = plt.subplots(figsize=(7, 4.2), layout='constrained')
    for index, method in enumerate(chosen):
        shift = _APART * (index - (len(chosen) - 1) / 2)
        points = []
        for place, split in enumerate(splits):
            scores = [
                _score(row) for row in rows
                if (row['method'], row['split']) == (method, split)
            ]
            if scores:
                spread = stdev(scores) if len(scores) > 1 else 0
                points.append((place + shift, mean(scores), spread))
        axes.errorbar(*zip(*points), marker='o', ms=4, capsize=2,
                      label=method.replace('_', ' '))
    axes.set_xticks(range(len(splits)), splits)
    axes.set_xlabel('split')
    axes.set_ylabel('test mIoU, %')
    axes.grid(axis='y', alpha=0.3)
    axes.legend(loc='lower right', fontsize='small')
    path.parent.mkdir(parents=True, exist_ok=True)
    # Else a file without a suffix would get one.
    figure.savefig(path, dpi=120, format=path.suffix[1:] or 'png')
    plt.close(figure)


def _score(row: dict) -> Optional[float]:
    return row['test']['last'].get('mIoU')
