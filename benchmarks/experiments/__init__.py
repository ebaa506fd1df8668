# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Grids of experiments: which runs, running them, comparing their scores."""
from .execute import Executor
from .grid import Grid, Run, load_grid
from .plot import plot_rows
from .report import write_report
from .rows import load_rows, row_path, save_row
from .schedule import Schedule, threads_per_run

__all__ = [
    'Executor', 'Grid', 'Run', 'Schedule', 'load_grid', 'load_rows',
    'plot_rows', 'row_path', 'save_row', 'threads_per_run', 'write_report'
]
