# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Fitting a plain mmseg segmentor config to the data it will see."""
import copy
from typing import Iterator, Optional, Tuple


def adapt_segmentor(segmentor: dict,
                    num_classes: int,
                    crop_size: Optional[Tuple[int, int]] = None,
                    data_preprocessor: Optional[dict] = None) -> dict:
    """A copy of the config with the class count and crop size filled in.

    So that changing the ``_base_`` entry of the model is all it takes, the
    numbers that depend on the data are not looked for in the model's file.

    Args:
        segmentor (dict): Config of an mmseg segmentor.
        num_classes (int): Number of classes, set in every head.
        crop_size (tuple[int, int], optional): Height and width that training
            images are padded to; set in the preprocessor.
        data_preprocessor (dict, optional): Preprocessor to use if the
            segmentor has none of its own.

    Raises:
        ValueError: If ``num_classes`` is no class count, or there is no
            preprocessor at all.
    """
    if not isinstance(num_classes, int) or num_classes < 2:
        raise ValueError(
            f'model.num_classes={num_classes!r} is not a class count; set it '
            'to the number of classes of the data set, at least 2')
    segmentor = copy.deepcopy(segmentor)
    for head in _heads(segmentor):
        head['num_classes'] = num_classes
    preprocessor = segmentor.get('data_preprocessor') or data_preprocessor
    if preprocessor is None:
        raise ValueError(
            'model.segmentor.data_preprocessor is missing; give the mean and '
            "std of the images, as in mmseg's _base_/models files")
    preprocessor = copy.deepcopy(preprocessor)
    if crop_size is not None:
        preprocessor['size'] = tuple(crop_size)
        preprocessor.pop('size_divisor', None)
    segmentor['data_preprocessor'] = preprocessor
    return segmentor


def make_probabilistic(segmentor: dict, probabilistic_head: dict) -> dict:
    """A copy of the config whose last decode head is probabilistic.

    Args:
        segmentor (dict): Config of an mmseg segmentor.
        probabilistic_head (dict): Settings of ProbabilisticDecodeHead,
            without ``head``.
    """
    segmentor = copy.deepcopy(segmentor)
    head = segmentor['decode_head']
    last = head[-1] if isinstance(head, (list, tuple)) else head
    if last['type'] == 'ProbabilisticDecodeHead':
        return segmentor
    wrapped = dict(
        type='ProbabilisticDecodeHead', head=last, **probabilistic_head)
    if isinstance(head, (list, tuple)):
        segmentor['decode_head'] = [*head[:-1], wrapped]
    else:
        segmentor['decode_head'] = wrapped
    return segmentor


def _heads(segmentor: dict) -> Iterator[dict]:
    for name in ('decode_head', 'auxiliary_head'):
        heads = segmentor.get(name) or []
        for head in heads if isinstance(heads, (list, tuple)) else [heads]:
            yield head.get('head', head)
