# Copyright (c) prcl_mmseg authors. All rights reserved.
import math

import pytest
import torch

from prcl_mmseg.evaluation import ClassIoUMetric


def evaluate(*pairs) -> dict:
    metric = ClassIoUMetric(iou_metrics=['mIoU'])
    metric.dataset_meta = dict(classes=('sky', 'road', 'tree', 'car'))
    for prediction, truth in pairs:
        metric.process({}, [
            dict(
                pred_sem_seg=dict(data=torch.tensor([prediction])),
                gt_sem_seg=dict(data=torch.tensor([truth])))
        ])
    return metric.evaluate(len(pairs))


def test_class_ious_of_all_images_together():
    scores = evaluate(([[0, 0, 1, 1]], [[0, 1, 1, 255]]),
                      ([[2, 2, 1, 0]], [[2, 1, 1, 1]]))
    # sky: 1 of 3 pixels; road: 2 of 5; tree: 1 of 2; car: nowhere.
    assert scores['IoU/sky'] == pytest.approx(33.33)
    assert scores['IoU/road'] == pytest.approx(40)
    assert scores['IoU/tree'] == pytest.approx(50)
    assert math.isnan(scores['IoU/car'])
    assert scores['mIoU'] == pytest.approx((100 / 3 + 40 + 50) / 3, abs=0.01)
