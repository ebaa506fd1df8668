# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Finding the decode heads of a segmentor, built or as a config."""
import copy
import re
from typing import Dict, List, Optional, Sequence

from mmseg.models.decode_heads import PointHead
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn

from ..registered import as_list, registered_class
from .probabilistic_decode_head import ProbabilisticDecodeHead


def decode_heads(segmentor: EncoderDecoder) -> List[nn.Module]:
    """The decode heads of a segmentor, in the order in which they run."""
    return _modules(segmentor.decode_head)


def auxiliary_heads(segmentor: EncoderDecoder) -> List[nn.Module]:
    """The auxiliary heads of a segmentor."""
    return _modules(getattr(segmentor, 'auxiliary_head', None))


def head_configs(
    segmentor: dict,
    names: Sequence[str] = ('decode_head', 'auxiliary_head')
) -> List[dict]:
    """The configs of the heads of these names, without wrappers.

    K-Net's head is made of others; they are given in its place.
    """
    heads = [
        head.get('head', head) for name in names
        for head in as_list(segmentor.get(name))
    ]
    return [
        part for head in heads
        for part in ([head['kernel_generate_head'], *head['kernel_update_head']
                      ] if 'kernel_generate_head' in head else [head])
    ]


def dense_heads(segmentor: EncoderDecoder) -> List[nn.Module]:
    """The decode heads that classify every pixel, in their order.

    PointRend ends with heads that refine sampled points only. In training
    they learn from the labelled images, and what is said of all pixels comes
    from the head before; in prediction they refine as usual.
    """
    return [
        head for head in decode_heads(segmentor)
        if not isinstance(head, PointHead)
    ]


def ignored_label(segmentor: EncoderDecoder) -> int:
    """The label that counts for nothing in the losses of a segmentor."""
    index = getattr(decode_heads(segmentor)[-1], 'ignore_index', None)
    return 255 if index is None else index


def prediction_threshold(segmentor: nn.Module) -> Optional[float]:
    """Above it a one-channel head predicts class 1; other heads have none."""
    heads = _modules(getattr(segmentor, 'decode_head', None))
    return getattr(heads[-1], 'threshold', None) if heads else None


def embedding_head(segmentor: EncoderDecoder) -> ProbabilisticDecodeHead:
    """The decode head that embeds pixels; None if there is none."""
    return next((head for head in decode_heads(segmentor)
                 if isinstance(head, ProbabilisticDecodeHead)), None)


def make_probabilistic(segmentor: dict, probabilistic_head: dict) -> dict:
    """A copy of the config whose last dense decode head is probabilistic.

    Args:
        segmentor (dict): Config of an mmseg segmentor.
        probabilistic_head (dict): Config of a ProbabilisticDecodeHead,
            without ``head``.

    Raises:
        ValueError: If no head classifies every pixel, or one embeds already,
            with other settings.
    """
    segmentor = copy.deepcopy(segmentor)
    heads = as_list(segmentor['decode_head'])
    classes = [registered_class(head) for head in heads]
    if ProbabilisticDecodeHead in classes:
        present = heads[classes.index(ProbabilisticDecodeHead)]
        ignored = [f'{key}={value!r}'
                   for key, value in probabilistic_head.items()
                   if key != 'type' and present.get(key) != value]
        if ignored:
            raise ValueError(
                f'a decode head of model.segmentor embeds pixels already, so '
                f'{", ".join(ignored)} of a contrast would be ignored; set it '
                'in that head')
        return segmentor
    last = max((index for index, head_class in enumerate(classes)
                if not issubclass(head_class, PointHead)), default=None)
    if last is None:
        raise ValueError(
            'decode_head: all heads refine points only; put one before them '
            'that classifies every pixel')
    heads[last] = dict(probabilistic_head, head=heads[last])
    cascade = isinstance(segmentor['decode_head'], (list, tuple))
    segmentor['decode_head'] = heads if cascade else heads[0]
    return segmentor


def unwrap_heads(weights: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Weights of a segmentor in the names of one that does not embed.

    The branches of probabilistic heads are left out, and the wrapped heads
    get back the names that they have without a wrapper.

    Args:
        weights (dict[str, Tensor]): State dict of the segmentor.
    """
    matches = (re.match(r'(decode_head\.(?:\d+\.)?)mean_branch\.', name)
               for name in weights)
    wrappers = {match.group(1) for match in matches if match}
    plain = {}
    for name, weight in weights.items():
        wrapper = next((w for w in wrappers if name.startswith(w)), None)
        if wrapper is None:
            plain[name] = weight
        elif name.startswith(f'{wrapper}head.'):
            plain[wrapper + name[len(f'{wrapper}head.'):]] = weight
    return plain


def _modules(heads: Optional[nn.Module]) -> List[nn.Module]:
    if heads is None:
        return []
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads]
