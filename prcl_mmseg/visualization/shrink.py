# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Pictures and maps at a size to look at."""
from typing import Tuple

import cv2
import numpy as np


def fit_size(height: int, width: int, max_side: int) -> Tuple[int, int]:
    """Width and height of a picture that is reduced to a longest side."""
    ratio = min(1.0, max_side / max(height, width))
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def shrink(data: np.ndarray, size: Tuple[int, int],
           interpolation: int) -> np.ndarray:
    """Resize to (width, height)."""
    if data.shape[1::-1] == size:
        return data
    if data.dtype not in (np.uint8, np.float32):
        # Class indices; fp32 holds them exactly.
        data = data.astype(np.float32)
    return cv2.resize(data, size, interpolation=interpolation)
