# Copyright (c) prcl_mmseg authors. All rights reserved.
from .mean_teacher import MeanTeacher
from .prcl import PRCL
from .semi_base import SemiBaseSegmentor

__all__ = ['MeanTeacher', 'PRCL', 'SemiBaseSegmentor']
