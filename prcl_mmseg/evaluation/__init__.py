# Copyright (c) prcl_mmseg authors. All rights reserved.
from .class_iou_metric import ClassIoUMetric
from .label_edges import label_edges
from .pixel_scores import class_logits, max_softmax, pixel_scores
from .ranking import aurc, auroc, score_bins
from .uncertainty_metric import UncertaintyMetric

__all__ = [
    'ClassIoUMetric', 'UncertaintyMetric', 'aurc', 'auroc', 'class_logits',
    'label_edges', 'max_softmax', 'pixel_scores', 'score_bins'
]
