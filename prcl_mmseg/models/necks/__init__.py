# Copyright (c) prcl_mmseg authors. All rights reserved.
from .readout_neck import ReadoutNeck

__all__ = ['ReadoutNeck']
