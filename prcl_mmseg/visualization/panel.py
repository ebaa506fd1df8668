# Copyright (c) prcl_mmseg authors. All rights reserved.
"""One row of a probability sheet, from a prediction."""
from dataclasses import dataclass
from typing import Optional, Union

import cv2
import numpy as np
from mmseg.structures import SegDataSample
from torch import Tensor

from ..evaluation.pixel_scores import max_softmax
from .displayable import displayable
from .shrink import fit_size, shrink


@dataclass
class Panel:
    """One row of the sheet.

    Args:
        image (np.ndarray): The image, uint8 RGB, (H, W, 3).
        pseudo_label (np.ndarray): Predicted classes, int, (H, W).
        variance (np.ndarray, optional): σ² per pixel, float, (H, W).
        truth (np.ndarray, optional): True classes, int, (H, W).
        confidence (np.ndarray, optional): Max softmax per pixel, float,
            (H, W).
        name (str): Written beside the row. Defaults to ''.
    """

    image: np.ndarray
    pseudo_label: np.ndarray
    variance: Optional[np.ndarray] = None
    truth: Optional[np.ndarray] = None
    confidence: Optional[np.ndarray] = None
    name: str = ''

    @classmethod
    def from_sample(cls,
                    image: Union[Tensor, np.ndarray],
                    sample: SegDataSample,
                    max_side: int = 512,
                    name: str = '') -> 'Panel':
        """The row of a prediction, made small.

        Args:
            image (Tensor | np.ndarray): As a pipeline packs it, (C, H, W), or
                as it was loaded, (H, W, C); with three channels BGR.
            sample (SegDataSample): The prediction, and the truth if known.
            max_side (int): Larger images are reduced to it, in pixels.
                Defaults to 512.
            name (str): Written beside the row. Defaults to ''.
        """
        label = sample.pred_sem_seg.data
        height, width = label.shape[-2:]
        size = fit_size(height, width, max_side)
        maps = dict(
            pseudo_label=label,
            confidence=max_softmax(sample.seg_logits.data))
        if 'gt_sem_seg' in sample:
            maps['truth'] = sample.gt_sem_seg.data
        if 'pred_variance' in sample:
            maps['variance'] = sample.pred_variance.data
        return cls(
            image=shrink(displayable(image), size, cv2.INTER_AREA),
            name=name,
            **{
                key: shrink(
                    value.reshape(height, width).cpu().numpy(), size,
                    cv2.INTER_NEAREST)
                for key, value in maps.items()
            })
