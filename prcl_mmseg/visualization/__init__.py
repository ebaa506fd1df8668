# Copyright (c) prcl_mmseg authors. All rights reserved.
from .probability_sheet import Panel, draw_sheet

__all__ = ['Panel', 'draw_sheet']
