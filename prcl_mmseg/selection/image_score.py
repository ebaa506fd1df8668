# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import List, NamedTuple

import numpy as np
from torch import Tensor


# Predicted classes of a smaller share of the image are specks, nearly always
# wrong and in doubt, which say little of the image.
_SMALLEST_SHARE = 0.01


class ImageScore(NamedTuple):
    """How much it would help to label an image.

    Args:
        score (float): Mean over the predicted classes of their doubt.
        class_doubt (np.ndarray): Mean doubt of the pixels of each class,
            (C,); NaN of those that are not predicted, or are specks.
    """

    score: float
    class_doubt: np.ndarray

    def doubtful_classes(self) -> List[int]:
        """list[int]: The predicted classes, the most doubtful first."""
        order = np.argsort(-self.class_doubt, kind='stable')
        return [int(c) for c in order if not np.isnan(self.class_doubt[c])]


def score_image(doubt: Tensor, label: Tensor, num_classes: int) -> ImageScore:
    """Every predicted class counts the same, however many pixels it has.

    So a large sky, of which the network is sure, does not hide a small
    object, of which it is not. Classes of less than a hundredth of the pixels
    do not count, unless all are so small.

    Args:
        doubt (Tensor): Of the pixels that count, (P,).
        label (Tensor): Their predicted classes, int64, (P,).
        num_classes (int): Number of classes C.

    Returns:
        ImageScore: In the unit of ``doubt``.
    """
    count = label.bincount(minlength=num_classes).numpy()
    # Sums of millions of pixels are too coarse in fp32.
    total = label.bincount(doubt.double(), minlength=num_classes).numpy()
    counts = count >= max(_SMALLEST_SHARE * count.sum(), 1)
    if not counts.any():
        counts = count > 0
    mean = np.full(len(count), np.nan)
    mean[counts] = total[counts] / count[counts]
    return ImageScore(float(mean[counts].mean()), mean)
