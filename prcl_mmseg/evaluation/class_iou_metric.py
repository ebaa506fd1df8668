# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict

import numpy as np
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS


@METRICS.register_module()
class ClassIoUMetric(IoUMetric):
    """mmseg's :class:`IoUMetric` that also returns what it only prints.

    Adds ``IoU/<class>`` in percent, rounded to two decimals as ``mIoU`` is,
    and NaN for a class that is neither labelled nor predicted. All other
    scores and all arguments are those of :class:`IoUMetric`.
    """

    def compute_metrics(self, results: list) -> Dict[str, float]:
        """Compute the scores of all images.

        Args:
            results (list): The areas of each image.

        Returns:
            dict: Scores by name.
        """
        metrics = super().compute_metrics(results)
        if self.format_only:
            return metrics
        totals = [sum(areas) for areas in zip(*results)]
        ious = self.total_area_to_metrics(*totals, ['mIoU'], self.nan_to_num,
                                          self.beta)['IoU']
        for name, iou in zip(self.dataset_meta['classes'], ious):
            metrics[f'IoU/{name}'] = float(np.round(100 * iou, 2))
        return metrics
