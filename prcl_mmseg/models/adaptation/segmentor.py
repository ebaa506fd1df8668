# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Fitting a plain mmseg segmentor config to the data it will see."""
import copy
import logging
from typing import Any, List, Optional, Tuple

from mmengine.logging import print_log
from mmseg.models.decode_heads import STDCHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.losses import CrossEntropyLoss
from mmseg.models.losses.utils import get_class_weight
from mmseg.models.segmentors import (CascadeEncoderDecoder, DepthEstimator,
                                     EncoderDecoder)

from ...value_check import check_number
from ..decode_heads import ProbabilisticDecodeHead, head_configs
from ..registered import as_list, registered_class
from ..structures import IGNORE_INDEX
from .input_size import fit_input_size
from .timm_filling import fill_from_timm


def adapt_segmentor(segmentor: dict,
                    num_classes: int,
                    crop_size: Optional[Tuple[int, int]] = None,
                    data_preprocessor: Optional[dict] = None) -> dict:
    """A copy of the config with the class count and crop size filled in.

    So that changing the ``_base_`` entry of the model is all it takes, the
    numbers that depend on the data are not looked for in the model's file,
    and what a model's file leaves out of a backbone of timm is filled in.
    Class weights in a file are read; those that the config lists for another
    number of classes are dropped, with a warning.

    Args:
        segmentor (dict): Config of an mmseg segmentor.
        num_classes (int): Number of classes, set in every head but those of
            boundaries.
        crop_size (tuple[int, int], optional): Height and width that training
            images are padded to; set in the preprocessor, and in what else
            has to fit it.
        data_preprocessor (dict, optional): Preprocessor to use if the
            segmentor has none of its own.

    Raises:
        ValueError: If ``num_classes`` is no class count up to 255, the label
            of pixels without a class, ``crop_size`` no size, there is no
            preprocessor at all, or the segmentor is none that can be used.
    """
    if not isinstance(num_classes, int) or num_classes < 2:
        raise ValueError(
            f'model.num_classes={num_classes!r} is not a class count; set it '
            'to the number of classes of the data set, at least 2')
    if num_classes > IGNORE_INDEX:
        raise ValueError(
            f'model.num_classes={num_classes}, but at most {IGNORE_INDEX} '
            f'classes are possible: {IGNORE_INDEX} is the label of pixels '
            'without a class; merge classes with label_map of the data set')
    _check_crop_size(crop_size)
    segmentor = copy.deepcopy(segmentor)
    check_segmentor(segmentor)
    fill_from_timm(segmentor)
    for head in head_configs(segmentor):
        # The two classes of a boundary head are those of boundaries.
        if not issubclass(registered_class(head), STDCHead):
            head['num_classes'] = num_classes
            _adapt_class_weights(head, num_classes)
    preprocessor = segmentor.get('data_preprocessor') or data_preprocessor
    if preprocessor is None:
        raise ValueError(
            'model.segmentor.data_preprocessor is missing; give the mean and '
            "std of the images, as in mmseg's _base_/models files")
    preprocessor = copy.deepcopy(preprocessor)
    if crop_size is not None:
        fit_input_size(segmentor, preprocessor, crop_size)
    segmentor['data_preprocessor'] = preprocessor
    return segmentor


def check_segmentor(segmentor: dict) -> None:
    """Raise ValueError, in one line, for a segmentor that can't be used.

    Its decode heads have to give logits per pixel; in mmseg that is what
    subclasses of BaseDecodeHead do.
    """
    segmentor_class = registered_class(segmentor)
    if segmentor_class is object:
        return
    if not issubclass(segmentor_class, EncoderDecoder) or issubclass(
            segmentor_class, DepthEstimator):
        raise ValueError(
            f'model.segmentor.type={_name(segmentor)} is not supported '
            'because it gives no logits per pixel and class; use an '
            'EncoderDecoder or a CascadeEncoderDecoder')
    heads = segmentor.get('decode_head')
    if not heads:
        raise ValueError('model.segmentor.decode_head is missing; give a '
                         'decode head of mmseg')
    if isinstance(heads, (list, tuple)) != issubclass(segmentor_class,
                                                      CascadeEncoderDecoder):
        raise ValueError(
            f'model.segmentor.type={_name(segmentor)} does not go with '
            f'{"a list of" if isinstance(heads, (list, tuple)) else "one"} '
            'decode_head; a CascadeEncoderDecoder has a list, an '
            'EncoderDecoder one')
    for head in as_list(heads):
        head_class = registered_class(head)
        if head_class is not object and not issubclass(
                head_class, (BaseDecodeHead, ProbabilisticDecodeHead)):
            raise ValueError(
                f'decode_head.type={_name(head)} is not supported because it '
                'gives no logits per pixel and class, as a BaseDecodeHead of '
                'mmseg does; use one of those')


def _check_crop_size(crop_size: Any) -> None:
    if crop_size is None:
        return
    if not isinstance(crop_size, (list, tuple)) or len(crop_size) != 2 or any(
            not isinstance(side, int) or side < 1 for side in crop_size):
        raise ValueError(
            f'model.crop_size={crop_size!r} is no size; give two whole '
            'numbers (height, width), the crop of both training pipelines')


def _adapt_class_weights(head: dict, num_classes: int) -> None:
    one_channel = head.get('out_channels') == 1
    for loss in as_list(head.get('loss_decode')):
        weights = loss.get('class_weight')
        if isinstance(weights, str):
            # An exported config shall not need the file.
            weights = _read_weights(weights, num_classes)
            loss['class_weight'] = weights
        if not isinstance(weights, (list, tuple)):
            continue
        binary = one_channel and issubclass(
            registered_class(loss), CrossEntropyLoss)
        if binary and len(weights) == 2 and weights[0]:
            # The binary loss weighs class 1 beside class 0.
            loss['class_weight'] = [weights[1] / weights[0]]
        elif len(weights) != (1 if one_channel else num_classes):
            print_log(
                f'class_weight of {_name(loss)} in {_name(head)} has '
                f'{len(weights)} values, but its head has '
                f'{1 if one_channel else num_classes} channels: it is not '
                'used. Give your own, or set it to None.',
                logger='current',
                level=logging.WARNING)
            loss['class_weight'] = None


def _read_weights(path: str, num_classes: int) -> List[float]:
    try:
        weights = [float(weight) for weight in get_class_weight(path)]
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(
            f'class_weight={path!r} cannot be read ({error}). Give a list of '
            f'{num_classes} numbers, or a file that holds one; '
            'tools/analysis_tools/class_weights.py writes it') from error
    if len(weights) != num_classes:
        raise ValueError(f'class_weight={path!r} holds {len(weights)} '
                         f'numbers, but there are {num_classes} classes')
    for weight in weights:
        check_number(f'class_weight={path!r}: a weight', weight, 0)
    return weights


def _name(cfg: dict) -> str:
    kind = cfg.get('type')
    return repr(kind if isinstance(kind, str) else kind.__name__)
