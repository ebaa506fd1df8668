# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import List, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

# Sizes of the parts of a sheet, in inches.
CELL, _GAP, _TITLE, _SCALE, _LEGEND_LINE = 2.4, 0.06, 0.32, 0.48, 0.17
_DPI = 120
# Letters of a name that fit into a cell.
_NAME_LENGTH = 38


class SheetLayout:
    """Where everything is. Counted in inches, from the top left corner.

    Args:
        heights (Sequence[float]): Of the rows.
        num_columns (int): Number of columns.
        entries (Sequence[tuple[str, Sequence]]): Name and colour, 0 to 1, of
            each entry of the legend.
        caption (str): Written between scales and legend.
    """

    def __init__(self, heights: Sequence[float], num_columns: int,
                 entries: Sequence[tuple], caption: str) -> None:
        self.heights = heights
        self.width = num_columns * (CELL + _GAP) + _GAP
        # A letter is about 0.08 inches wide.
        letters = max((len(name) for name, _ in entries), default=0)
        most = max(1, int(self.width / (0.08 * letters + 0.45)))
        lines = -(-len(entries) // most)
        self.per_line = -(-len(entries) // max(lines, 1))
        self.bottom = self._top(len(heights))
        self.height = self.bottom + _SCALE + _LEGEND_LINE * (
            lines + bool(caption)) + 0.1
        self.figure = Figure(figsize=(self.width, self.height), dpi=_DPI)
        self.canvas = FigureCanvasAgg(self.figure)
        self.scaled = set()
        if entries:
            self._add_legend(entries)
        if caption:
            self.figure.text(
                0.5,
                1 - (self.bottom + _SCALE) / self.height,
                caption,
                ha='center',
                va='top',
                fontsize=8)

    def add_cell(self, row: int, column: int):
        """An empty cell, without axes."""
        axis = self._add_axes(
            self._left(column), self._top(row), CELL, self.heights[row])
        axis.set_axis_off()
        return axis

    def add_scale(self, shown, column: int, label: str) -> None:
        """A colour bar under a column, once."""
        if column in self.scaled:
            return
        self.scaled.add(column)
        axis = self._add_axes(
            self._left(column) + 0.15, self.bottom + 0.02, CELL - 0.3, 0.1)
        bar = self.figure.colorbar(shown, cax=axis, orientation='horizontal')
        low, high = shown.get_clim()
        ticks = np.linspace(low, high, 3)
        bar.set_ticks(ticks, labels=_distinct(ticks))
        bar.ax.tick_params(labelsize=8, length=2, pad=1)
        bar.set_label(label, fontsize=8, labelpad=1)

    def add_name(self, row: int, name: str) -> None:
        """Write into the lower left corner of a row."""
        if name:
            if len(name) > _NAME_LENGTH:
                name = '…' + name[1 - _NAME_LENGTH:]
            self.figure.text(
                (self._left(0) + 0.05) / self.width,
                1 - (self._top(row + 1) - _GAP - 0.05) / self.height,
                name,
                fontsize=7,
                color='white',
                bbox=dict(facecolor='black', alpha=0.5, pad=1.5, linewidth=0))

    def paint(self) -> np.ndarray:
        """The whole sheet, uint8 RGB (H, W, 3)."""
        self.canvas.draw()
        return np.asarray(self.canvas.buffer_rgba())[..., :3].copy()

    def _add_legend(self, entries: Sequence[tuple]) -> None:
        self.figure.legend(
            handles=[
                Patch(
                    facecolor=color,
                    edgecolor='grey',
                    linewidth=0.5,
                    label=name) for name, color in entries
            ],
            loc='lower center',
            ncols=self.per_line,
            fontsize=9,
            frameon=False,
            borderaxespad=0.2,
            handlelength=1.2,
            labelspacing=0.3,
            columnspacing=1.2)

    def _left(self, column: int) -> float:
        return _GAP + column * (CELL + _GAP)

    def _top(self, row: int) -> float:
        return _TITLE + sum(self.heights[:row]) + row * _GAP

    def _add_axes(self, left: float, top: float, width: float, height: float):
        return self.figure.add_axes(
            (left / self.width, 1 - (top + height) / self.height,
             width / self.width, height / self.height))


def _distinct(values: Sequence[float]) -> List[str]:
    """Numbers with the fewest digits, from three, that tell them apart."""
    for digits in range(3, 10):
        texts = [f'{value:.{digits}g}' for value in values]
        if len(set(texts)) == len(values):
            break
    return texts
