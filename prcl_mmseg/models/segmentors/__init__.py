# Copyright (c) prcl_mmseg authors. All rights reserved.
from .ema_teacher import EMATeacher
from .semi_segmentor import SemiSegmentor

__all__ = ['EMATeacher', 'SemiSegmentor']
