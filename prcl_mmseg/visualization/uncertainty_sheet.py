# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A sheet of images beside their labels, pseudo-labels, σ² and errors."""
import os
import os.path as osp
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .error_finding import ErrorFinding, find_errors
from .panel import Panel

NO_CLASS_COLOR = (255, 255, 255)
RIGHT_COLOR = (205, 205, 205)
WRONG_COLOR = (200, 20, 20)

# Sizes of the parts of a sheet, in inches.
_CELL, _GAP, _TITLE, _SCALE, _LEGEND_LINE = 2.4, 0.06, 0.32, 0.48, 0.17
_DPI = 120
# Letters of a name that fit into a cell.
_NAME_LENGTH = 38


def colorize(label: np.ndarray, palette: Sequence) -> np.ndarray:
    """Paint class indices; whatever is no class becomes white.

    Args:
        label (np.ndarray): Classes, int, (H, W).
        palette (Sequence): RGB colour of each class, 0 to 255.

    Returns:
        np.ndarray: uint8 of shape (H, W, 3).
    """
    colors = np.array([*palette, NO_CLASS_COLOR], dtype=np.uint8)
    known = (label >= 0) & (label < len(palette))
    return colors[np.where(known, label, len(palette)).astype(int)]


def paint_errors(pseudo_label: np.ndarray, truth: np.ndarray,
                 num_classes: int) -> np.ndarray:
    """Paint wrong pixels red, right ones grey, those without truth white.

    Args:
        pseudo_label (np.ndarray): Predicted classes, int, (H, W).
        truth (np.ndarray): True classes, int, (H, W); what is no class has
            no truth.
        num_classes (int): Number of classes.

    Returns:
        np.ndarray: uint8 of shape (H, W, 3).
    """
    known = (truth >= 0) & (truth < num_classes)
    wrong = np.where(known, pseudo_label != truth, -1)
    return colorize(wrong, (RIGHT_COLOR, WRONG_COLOR))


class Column(NamedTuple):
    """A column of the sheet.

    Args:
        title (str): Its title.
        paint (Callable): Gives, for a panel and the palette, what to show:
            uint8 RGB (H, W, 3), a float map (H, W), or None.
        scale (str): What the colours of a float map mean.
        colors (str): Matplotlib's name for them.
    """

    title: str
    paint: Callable[[Panel, Sequence], Optional[np.ndarray]]
    scale: str = ''
    colors: str = ''


def _paint_truth(panel: Panel, palette: Sequence) -> Optional[np.ndarray]:
    return None if panel.truth is None else colorize(panel.truth, palette)


def _paint_error(panel: Panel, palette: Sequence) -> Optional[np.ndarray]:
    if panel.truth is None:
        return None
    return paint_errors(panel.pseudo_label, panel.truth, len(palette))


COLUMNS: Dict[str, Column] = dict(
    image=Column('image', lambda panel, _: panel.image),
    truth=Column('ground truth', _paint_truth),
    pseudo_label=Column(
        'pseudo-label',
        lambda panel, palette: colorize(panel.pseudo_label, palette)),
    variance=Column('σ²', lambda panel, _: panel.variance,
                    'σ² (red: large)', 'turbo'),
    error=Column('error (red: wrong)', _paint_error),
    confidence=Column('confidence', lambda panel, _: panel.confidence,
                      'max softmax (red: unsure)', 'turbo_r'))


def paint_sheet(panels: Sequence[Panel],
                classes: Sequence[str],
                palette: Sequence,
                variance_range: Optional[Tuple[float, float]] = None,
                finding: Optional[ErrorFinding] = None) -> np.ndarray:
    """Paint rows of image, ground truth, pseudo-label, probability and error.

    A column is there if any row has something to show in it. Red is a large
    σ², on one scale for all rows. Whether that means doubt is said below, as
    far as it was measured. The scale of the confidence ranges over all values
    that a maximum of C probabilities can have, from 1/C to 1. The legend names
    the classes that occur.

    Args:
        panels (Sequence[Panel]): The rows, at least one.
        classes (Sequence[str]): Class names.
        palette (Sequence): RGB colour of each class, 0 to 255.
        variance_range (tuple[float, float], optional): Ends of the scale of
            σ². Defaults to :func:`variance_range_of` the rows.
        finding (ErrorFinding, optional): Whether σ² finds errors. Defaults to
            None, not measured.

    Returns:
        np.ndarray: uint8 RGB, (H, W, 3).
    """
    cells = {
        name: [column.paint(panel, palette) for panel in panels]
        for name, column in COLUMNS.items()
    }
    cells = {
        name: column
        for name, column in cells.items()
        if any(cell is not None for cell in column)
    }
    sheet = _Sheet(
        heights=[
            _CELL * float(np.clip(len(cell) / cell.shape[1], 0.2, 4))
            for cell in cells['image']
        ],
        num_columns=len(cells),
        entries=_legend_entries(panels, classes, palette),
        caption=_caption(finding) if 'variance' in cells else '')
    ranges = dict(confidence=(1 / max(len(classes), 2), 1.0))
    if 'variance' in cells:
        ranges['variance'] = variance_range or variance_range_of(panels)
    for number, (name, column) in enumerate(cells.items()):
        for row, cell in enumerate(column):
            axis = sheet.add_cell(row, number)
            if row == 0:
                axis.set_title(COLUMNS[name].title, fontsize=11)
            if cell is None:
                continue
            low, high = ranges.get(name, (None, None))
            shown = axis.imshow(
                cell,
                cmap=COLUMNS[name].colors or None,
                vmin=low,
                vmax=high,
                aspect='auto')
            if name in ranges:
                sheet.add_scale(shown, number, COLUMNS[name].scale)
    for row, panel in enumerate(panels):
        sheet.add_name(row, panel.name)
    return sheet.paint()


def variance_range_of(panels: Sequence[Panel]) -> Tuple[float, float]:
    """The 1st and 99th percentile of σ² over all rows that have it."""
    every = [
        panel.variance.ravel() for panel in panels
        if panel.variance is not None
    ]
    low, high = np.percentile(np.concatenate(every), (1, 99))
    return float(low), float(high)


def draw_sheets(panels: Sequence[Panel],
                path: str,
                classes: Sequence[str],
                palette: Sequence,
                rows_per_page: int = 8,
                finding: Optional[ErrorFinding] = None) -> List[str]:
    """Write the rows to a PNG file, or to several if there are many.

    Args:
        panels (Sequence[Panel]): The rows, see :func:`paint_sheet`.
        path (str): PNG file to write; its folder is made. Pages add _1, _2
            and so on to its name; all have one scale of σ².
        classes (Sequence[str]): Class names.
        palette (Sequence): RGB colour of each class, 0 to 255.
        rows_per_page (int): Most rows of one file. Defaults to 8.
        finding (ErrorFinding, optional): Whether σ² finds errors. Defaults to
            None: measured on the rows that have ground truth, if any.

    Returns:
        list[str]: The files.
    """
    os.makedirs(osp.dirname(path) or '.', exist_ok=True)
    pages = [
        panels[start:start + rows_per_page]
        for start in range(0, len(panels), rows_per_page)
    ]
    variance_range = None
    if any(panel.variance is not None for panel in panels):
        variance_range = variance_range_of(panels)
    finding = finding or find_errors(panels, len(classes))
    stem, suffix = osp.splitext(path)
    paths = []
    for number, page in enumerate(pages, 1):
        paths.append(path if len(pages) == 1 else f'{stem}_{number}{suffix}')
        sheet = paint_sheet(page, classes, palette, variance_range, finding)
        cv2.imwrite(paths[-1], sheet[..., ::-1])
    return paths


class _Sheet:
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
        self.width = num_columns * (_CELL + _GAP) + _GAP
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
            self._left(column), self._top(row), _CELL, self.heights[row])
        axis.set_axis_off()
        return axis

    def add_scale(self, shown, column: int, label: str) -> None:
        """A colour bar under a column, once."""
        if column in self.scaled:
            return
        self.scaled.add(column)
        axis = self._add_axes(
            self._left(column) + 0.15, self.bottom + 0.02, _CELL - 0.3, 0.1)
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
        return _GAP + column * (_CELL + _GAP)

    def _top(self, row: int) -> float:
        return _TITLE + sum(self.heights[:row]) + row * _GAP

    def _add_axes(self, left: float, top: float, width: float, height: float):
        return self.figure.add_axes(
            (left / self.width, 1 - (top + height) / self.height,
             width / self.width, height / self.height))


def _caption(finding: Optional[ErrorFinding]) -> str:
    """What is known of σ², and no more."""
    if finding is None:
        return 'Red is a large σ²; whether it means doubt was not measured.'
    meaning = 'not doubtful' if finding.is_inverted else 'doubtful'
    return f'{finding}: red is {meaning}.'


def _distinct(values: Sequence[float]) -> List[str]:
    """Numbers with the fewest digits, from three, that tell them apart."""
    for digits in range(3, 10):
        texts = [f'{value:.{digits}g}' for value in values]
        if len(set(texts)) == len(values):
            break
    return texts


def _legend_entries(panels: Sequence[Panel], classes: Sequence[str],
                    palette: Sequence) -> List[tuple]:
    """Name and colour of the classes that occur, and of no class."""
    labels = [panel.pseudo_label for panel in panels]
    labels += [panel.truth for panel in panels if panel.truth is not None]
    found = np.unique(np.concatenate([np.unique(label) for label in labels]))
    entries = [
        (name, np.array(color) / 255)
        for index, (name, color) in enumerate(zip(classes, palette))
        if index in found
    ]
    if ((found < 0) | (found >= len(palette))).any():
        entries.append(('no class', np.array(NO_CLASS_COLOR) / 255))
    return entries
