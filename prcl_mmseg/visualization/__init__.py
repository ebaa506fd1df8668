# Copyright (c) prcl_mmseg authors. All rights reserved.
from .displayable import displayable
from .error_finding import (ErrorFinding, find_errors, recorded_finding,
                            variance_source)
from .panel import Panel
from .predict_panels import load_items, predict_panels
from .uncertainty_sheet import draw_sheets, paint_sheet

__all__ = [
    'ErrorFinding', 'Panel', 'displayable', 'draw_sheets', 'find_errors',
    'load_items', 'paint_sheet', 'predict_panels', 'recorded_finding',
    'variance_source'
]
