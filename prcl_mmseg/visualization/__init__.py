# Copyright (c) prcl_mmseg authors. All rights reserved.
from .displayable import displayable
from .panel import Panel
from .predict_panels import load_items, predict_panels
from .uncertainty_sheet import draw_sheets, paint_sheet

__all__ = [
    'Panel', 'displayable', 'draw_sheets', 'load_items', 'paint_sheet',
    'predict_panels'
]
