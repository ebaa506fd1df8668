# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Whether σ² is larger where the prediction is wrong, and what to say of it.
"""
from typing import NamedTuple, Optional, Sequence

import numpy as np
import torch
from torch import nn

from ..evaluation.ranking import NUM_BINS, auroc, score_bins
from .panel import Panel


class ErrorFinding(NamedTuple):
    """How well σ² finds the wrong pixels of some images.

    Args:
        variance (float): AUROC of σ² in per cent: how often a wrong pixel has
            a larger σ² than a right one. 50 is chance.
        softmax (float): AUROC of 1 - max softmax, likewise.
        images (int): Number of images.
    """

    variance: float
    softmax: float
    images: int

    @property
    def is_inverted(self) -> bool:
        """bool: Whether a large σ² speaks for a right prediction."""
        return self.variance < 50

    def __str__(self) -> str:
        verdict = 'is inverted' if self.is_inverted else 'finds wrong pixels'
        return (f'σ² {verdict}: AUROC {self.variance:.1f} % (chance 50 %, '
                f'softmax {self.softmax:.1f} %) on {self.images} images with '
                'ground truth')


def variance_source(model: nn.Module) -> Optional[dict]:
    """What ``pred_variance`` of a model is: whose, and which summary.

    Args:
        model (nn.Module): Any segmentor.

    Returns:
        dict, optional: None if it predicts no σ².
    """
    for term in getattr(model, 'terms', {}).values():
        if 'pred_variance' in term.map_names:
            return dict(
                predict_with=model.predict_with,
                variance_summary=getattr(term, 'variance_summary', None))
    return None


def recorded_finding(checkpoint: dict,
                     model: nn.Module) -> Optional[ErrorFinding]:
    """What a training measured, if that is the σ² which the model predicts.

    Args:
        checkpoint (dict): Loaded, with its ``meta``.
        model (nn.Module): The model that predicts.
    """
    record = dict(checkpoint.get('meta', {}).get('uncertainty') or {})
    source = variance_source(model)
    if source is None or not record:
        return None
    same = all(record.pop(key, None) == source[key] for key in source)
    return ErrorFinding(**record) if same else None


def find_errors(panels: Sequence[Panel],
                num_classes: int) -> Optional[ErrorFinding]:
    """Measure it on rows of a sheet.

    Args:
        panels (Sequence[Panel]): Those without σ² or truth do not count.
        num_classes (int): Number of classes; other labels have no truth.

    Returns:
        ErrorFinding, optional: None where nothing is wrong, nothing right, or
        σ² no number.
    """
    panels = [
        panel for panel in panels
        if panel.truth is not None and panel.variance is not None
        and panel.confidence is not None
    ]
    counts = torch.zeros(2, 2 * NUM_BINS, dtype=torch.long)
    for panel in panels:
        known = (panel.truth >= 0) & (panel.truth < num_classes)
        wrong = torch.from_numpy(
            (panel.truth != panel.pseudo_label)[known]).long()
        scores = np.stack([panel.variance, 1 - panel.confidence])[:, known]
        if not np.isfinite(scores).all():
            return None
        bins = score_bins(torch.from_numpy(scores)) + NUM_BINS * wrong
        for count, places in zip(counts, bins):
            count += places.bincount(minlength=2 * NUM_BINS)
    variance, softmax = (
        100 * auroc(count.view(2, NUM_BINS)) for count in counts)
    if not panels or np.isnan(variance):
        return None
    return ErrorFinding(variance, softmax, len(panels))
