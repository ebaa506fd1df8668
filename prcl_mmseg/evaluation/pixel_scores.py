# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What may tell a doubtful pixel from the rest: larger means more doubt."""
from typing import Dict, Sequence

import torch
from torch import Tensor

SCORES = ('variance', 'softmax', 'entropy', 'product', 'prototype',
          'prototype_product', 'views', 'views_product', 'disagreement')
# The map of a prediction that a score looks at, beside the logits.
MAPS = dict(
    variance='pred_variance',
    product='pred_variance',
    prototype='pred_posterior',
    prototype_product='pred_posterior',
    views='pred_view_variance',
    views_product='pred_view_variance',
    disagreement='pred_disagreement')
# Those that are their map.
_PLAIN = ('variance', 'views', 'disagreement')
_SMALLEST_DOUBT = 2.0**-24


def class_logits(seg_logits: Tensor) -> Tensor:
    """Logits in fp32 whose softmax gives the class probabilities.

    Args:
        seg_logits (Tensor): ``seg_logits`` of a prediction of mmseg: logits
            (C, H, W), or, of a one-channel binary head, the sigmoid (1, H, W).

    Returns:
        Tensor: Of shape (max(C, 2), H, W).
    """
    seg_logits = seg_logits.float()
    if len(seg_logits) > 1:
        return seg_logits
    logits = seg_logits.logit(eps=torch.finfo(torch.float32).eps)
    return torch.cat([torch.zeros_like(logits), logits])


def max_softmax(seg_logits: Tensor) -> Tensor:
    """Probability of the most probable class, (H, W).

    Args:
        seg_logits (Tensor): As for :func:`class_logits`.
    """
    return class_logits(seg_logits).softmax(dim=0).amax(dim=0)


def pixel_scores(prediction: Dict[str, Tensor],
                 names: Sequence[str]) -> Dict[str, Tensor]:
    """The scores of all pixels of an image.

    - 'variance': σ².
    - 'softmax': the log odds of the most probable class being the wrong one,
      log((1-p)/p). It orders pixels as 1 - p does, which in fp32 is 0 for
      everything above p = 1 - 6e-8.
    - 'entropy': of the class probabilities, in nats.
    - 'product': log(σ² (1-p)). The unit of σ² does not matter; where σ² says
      nothing it is a constant, and the order is that of 1 - p.
    - 'prototype': 1 - q, with q the probability of the predicted class given
      the embedding.
    - 'prototype_product': log((1-q) (1-p)).
    - 'views': the probability σ² that another view disagrees.
    - 'views_product': log(σ² (1-p)), with this σ².
    - 'disagreement': of test-time augmentations, in nats.

    Args:
        prediction (dict[str, Tensor]): 'seg_logits', as for
            :func:`class_logits`, and, (1, H, W), 'pred_variance', σ²,
            'pred_posterior', q, 'pred_view_variance', σ² of the views, and
            'pred_disagreement'.
        names (Sequence[str]): Which of the scores.

    Returns:
        dict[str, Tensor]: fp32 maps (H, W) by name.
    """
    scores = {}
    if set(names) - {*_PLAIN, 'prototype'}:
        logits = class_logits(prediction['seg_logits'])
        best, index = logits.max(dim=0)
        others = logits.scatter(0, index[None], -torch.inf).logsumexp(dim=0)
        log_prob = logits.log_softmax(dim=0)
        log_doubt = others - logits.logsumexp(dim=0)
        scores['softmax'] = others - best
        scores['entropy'] = -(log_prob.exp() * log_prob).sum(dim=0)
    maps = {MAPS[name] for name in names if name in MAPS}
    for name in _PLAIN:
        if MAPS[name] in maps:
            scores[name] = prediction[MAPS[name]][0].float()
    if 'pred_posterior' in maps:
        scores['prototype'] = 1 - prediction['pred_posterior'][0].float()
    if 'product' in names:
        scores['product'] = scores['variance'].log() + log_doubt
    for name in {'prototype_product', 'views_product'} & set(names):
        # A probability may be 0 in fp32: 1 - q where q is nearest to 1.
        doubt = scores[name[:-len('_product')]]
        scores[name] = doubt.clamp(min=_SMALLEST_DOUBT).log() + log_doubt
    return {name: scores[name] for name in names}
