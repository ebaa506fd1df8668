# Copyright (c) prcl_mmseg authors. All rights reserved.
from .ema_teacher import EMATeacher
from .semi_seg_tta_model import SemiSegTTAModel
from .semi_segmentor import SemiSegmentor

__all__ = ['EMATeacher', 'SemiSegTTAModel', 'SemiSegmentor']
