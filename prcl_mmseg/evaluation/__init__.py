# Copyright (c) prcl_mmseg authors. All rights reserved.
from .class_iou_metric import ClassIoUMetric

__all__ = ['ClassIoUMetric']
