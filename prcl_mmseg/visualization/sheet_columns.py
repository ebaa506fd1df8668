# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What the columns of a sheet show of each image."""
from typing import Callable, Dict, NamedTuple, Optional, Sequence

import numpy as np

from .label_colors import colorize, paint_errors
from .panel import Panel


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
