# Copyright (c) prcl_mmseg authors. All rights reserved.
"""How much a prediction doubts each of its pixels: larger means more."""
from typing import Dict

from torch import Tensor, nn

from ..evaluation.pixel_scores import class_logits, pixel_scores

CRITERIA = dict(
    variance='σ² of the embedding',
    entropy='entropy of the softmax, in nats',
    margin='second minus best class probability',
    posterior='1 - probability that the prototypes give to the predicted '
    'class',
    views='disagreement of the augmentations of tta_pipeline, in nats',
    random='a random number')
# The map of a prediction that a criterion reads, besides its logits.
_MAPS = dict(variance='pred_variance', posterior='pred_posterior')
_SCORES = dict(variance='variance', posterior='prototype', entropy='entropy')


def check_criterion(by: str, model: nn.Module, num_views: int) -> None:
    """Refuse a criterion that a model or its config cannot serve.

    Args:
        by (str): One of ``CRITERIA``.
        model (nn.Module): Any segmentor.
        num_views (int): How many augmentations ``tta_pipeline`` makes; 0
            without one.

    Raises:
        ValueError: Names the criterion, what it lacks and those that work.
    """
    given = {
        name
        for term in getattr(model, 'terms', {}).values()
        for name in term.map_names
    }
    lacks = {
        name: f'{_MAPS[name]}, which this model does not predict; models '
        "with terms=dict(contrast=dict(type='PrototypeContrast')) do"
        for name in _MAPS if _MAPS[name] not in given
    }
    if num_views < 2:
        lacks['views'] = ('a tta_pipeline in the config that makes at least '
                          f'2 augmentations; it makes {num_views}')
    if by in lacks:
        work = ', '.join(name for name in CRITERIA if name not in lacks)
        raise ValueError(f'--by {by} needs {lacks[by]}. Use one of {work}')


def pixel_doubt(prediction: Dict[str, Tensor], by: str) -> Tensor:
    """The doubt of all pixels of an image that was predicted once.

    Args:
        prediction (dict[str, Tensor]): As for :func:`pixel_scores`.
        by (str): 'variance' (σ²), 'entropy' (nats), 'margin' (second minus
            best probability, from -1 to 0) or 'posterior' (1 - q, with q the
            probability that the prototypes give to the predicted class).

    Returns:
        Tensor: fp32 of shape (H, W).
    """
    if by == 'margin':
        prob = class_logits(prediction['seg_logits']).softmax(dim=0)
        best, second = prob.topk(2, dim=0).values
        return second - best
    return pixel_scores(prediction, [_SCORES[by]])[_SCORES[by]]
