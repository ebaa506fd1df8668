# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Networks that can't take every image size, and how to serve them.

Most can. The others need the training crop, the sliding window and the
padding of test images to fit, which mmseg leaves to each leaf config.
"""
from typing import Any, Tuple

from mmseg.models.backbones import BEiT, UNet
from mmseg.models.decode_heads import LRASPPHead

from .registered import registered_class

Size = Tuple[int, int]
# LRASPPHead averages windows of this many pixels of its last feature map.
LRASPP_WINDOW = 49


def fit_input_size(segmentor: dict, preprocessor: dict,
                   crop_size: Size) -> None:
    """Fit a segmentor and its preprocessor to the training crop, in place.

    A UNet needs multiples of its downsampling rate, so crops and windows are
    padded up to one. The position embeddings of BEiT and MAE have one size,
    so they take it from the crop and predict in windows of it.

    Args:
        segmentor (dict): Config of an mmseg segmentor.
        preprocessor (dict): Config of its preprocessor.
        crop_size (tuple[int, int]): Height and width of training images.

    Raises:
        ValueError: If the network can't take crops of that size.
    """
    crop_size = tuple(crop_size)
    _check_smallest(segmentor, crop_size)
    backbone = segmentor.get('backbone') or {}
    backbone_class = registered_class(backbone)
    divisor = 1
    if issubclass(backbone_class, UNet):
        divisor = _downsampling(backbone)
    padded = tuple(-(-side // divisor) * divisor for side in crop_size)
    preprocessor['size'] = padded
    preprocessor.pop('size_divisor', None)
    test_cfg = segmentor.get('test_cfg')
    if issubclass(backbone_class, BEiT):
        backbone['img_size'] = padded
        test_cfg = segmentor['test_cfg'] = dict(
            test_cfg or {},
            mode='slide',
            crop_size=padded,
            stride=tuple(-(-2 * side // 3) for side in padded))
    if not test_cfg:
        return
    if test_cfg.get('mode') != 'slide':
        if divisor > 1:
            preprocessor.setdefault('test_cfg', dict(size_divisor=divisor))
        return
    window = tuple(
        -(-side // divisor) * divisor for side in _pair(test_cfg['crop_size']))
    test_cfg['crop_size'] = window
    test_cfg['stride'] = _pair(test_cfg['stride'])
    if divisor > 1 or issubclass(backbone_class, BEiT):
        # A window of a smaller image would be smaller, too.
        preprocessor.setdefault('test_cfg', dict(size=window))


def _check_smallest(segmentor: dict, crop_size: Size) -> None:
    head = segmentor.get('decode_head')
    if not isinstance(head, dict) or not issubclass(
            registered_class(head), LRASPPHead):
        return
    # mmseg's MobileNetV3 for it has output stride 8.
    smallest = 8 * (LRASPP_WINDOW - 1) + 1
    if min(crop_size) < smallest:
        raise ValueError(
            f'model.crop_size={crop_size} is too small for LRASPPHead, which '
            f'averages windows of {LRASPP_WINDOW} pixels at stride 8; use at '
            f'least {smallest} and crop both training pipelines to it')


def _downsampling(backbone: dict) -> int:
    """How many times smaller the deepest feature of a UNet is."""
    num_stages = backbone.get('num_stages', 5)
    strides = backbone.get('strides', (1, ) * num_stages)
    downsamples = backbone.get('downsamples', (True, ) * (num_stages - 1))
    halvings = sum(stride == 2 or downsample
                   for stride, downsample in zip(strides[1:], downsamples))
    return 2**halvings


def _pair(size: Any) -> Size:
    return (size, size) if isinstance(size, int) else tuple(size)
