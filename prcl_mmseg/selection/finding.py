# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mmengine.utils import track_iter_progress

from .image_pool import PoolImage
from .image_score import ImageScore
from .predictor import Predictor


class Finding(NamedTuple):
    """The few numbers that are kept of an image.

    Args:
        score (ImageScore, optional): None where there is no doubt to score.
        limits (tuple[float, float], optional): The 1st and the 99th
            percentile of the doubt of its pixels.
        descriptor (np.ndarray, optional): What it shows, (C,).
    """

    score: Optional[ImageScore] = None
    limits: Optional[Tuple[float, float]] = None
    descriptor: Optional[np.ndarray] = None


def look_at(images: Sequence[PoolImage], predictor: Predictor,
            num_classes: int) -> List[Finding]:
    """Predict images one by one, with a progress bar.

    Args:
        images (Sequence[PoolImage]): The images.
        predictor (Predictor): Predicts them.
        num_classes (int): Number of classes.

    Raises:
        ValueError: If a score is NaN or infinite; names the image.
    """
    findings = []
    for image in track_iter_progress(images):
        prediction = predictor(image.load())
        score = limits = None
        if prediction.doubt is not None:
            score = prediction.score(num_classes)
            low, high = np.percentile(prediction.doubt[prediction.area],
                                      (1, 99))
            limits = (float(low), float(high))
            if not np.isfinite(score.score):
                raise ValueError(
                    f'{image.path}: its score by {predictor.by} is '
                    f'{score.score}; use another criterion')
        findings.append(Finding(score, limits, prediction.descriptor))
    return findings
