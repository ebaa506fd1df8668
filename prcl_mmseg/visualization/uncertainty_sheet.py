# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A sheet of images beside their labels, pseudo-labels, σ² and errors."""
import os
import os.path as osp
from typing import List, Optional, Sequence, Tuple

import numpy as np

from ..datasets.image_file import write_image
from .error_finding import ErrorFinding, find_errors
from .label_colors import NO_CLASS_COLOR
from .panel import Panel
from .sheet_columns import COLUMNS
from .sheet_layout import CELL, SheetLayout


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
    sheet = SheetLayout(
        heights=[
            CELL * float(np.clip(len(cell) / cell.shape[1], 0.2, 4))
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
        write_image(paths[-1], sheet[..., ::-1])
    return paths


def _caption(finding: Optional[ErrorFinding]) -> str:
    """What is known of σ², and no more."""
    if finding is None:
        return 'Red is a large σ²; whether it means doubt was not measured.'
    meaning = 'not doubtful' if finding.is_inverted else 'doubtful'
    return f'{finding}: red is {meaning}.'


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
