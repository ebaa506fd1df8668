# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Networks that can't take every image size, and how to serve them.

Most can. The others need the training crop, the sliding window and the
padding of test images to fit, which mmseg leaves to each leaf config.
"""
import inspect
import math
from typing import Any, Tuple

from mmengine.config import ConfigDict
from mmseg.models.backbones import BEiT, DDRNet, PIDNet, UNet
from mmseg.models.decode_heads import LRASPPHead

from ..registered import registered_class

Size = Tuple[int, int]
# LRASPPHead averages windows of 49 pixels of a feature of stride 8.
LRASPP_SMALLEST = 8 * (49 - 1) + 1


def fit_input_size(segmentor: dict, preprocessor: dict,
                   crop_size: Size) -> None:
    """Fit a segmentor and its preprocessor to the training crop, in place.

    Crops are padded up to whole patches of a ViT, whose logits would
    otherwise be those of a larger image, to what a UNet can halve, to
    eighths of DDRNet and PIDNet, and to multiples of the preprocessor's
    ``size_divisor``; so are test images and windows. BEiT, MAE and some
    networks of timm are built for images of one size: they take it from the
    crop and predict in windows of it. LRASPPHead averages large windows, so
    test images are padded to one. All other networks take what they get.

    Args:
        segmentor (dict): Config of an mmseg segmentor.
        preprocessor (dict): Config of its preprocessor.
        crop_size (tuple[int, int]): Height and width of training images.

    Raises:
        ValueError: If the network can't take crops of that size.
    """
    backbone = segmentor.get('backbone') or {}
    backbone_class = registered_class(backbone)
    divisor = math.lcm(
        _divisor(backbone, backbone_class),
        preprocessor.pop('size_divisor', None) or 1)
    crop_size = _round_up(crop_size, divisor)
    preprocessor['size'] = crop_size
    has_one_size = _has_one_size(backbone, backbone_class)
    if has_one_size:
        backbone['img_size'] = crop_size
        _predict_in_windows(segmentor, crop_size)
    test_cfg = segmentor.get('test_cfg') or {}
    padding = dict(size_divisor=divisor) if divisor > 1 else None
    if test_cfg.get('mode') == 'slide':
        _check_windows(test_cfg)
        test_cfg.update(
            crop_size=_round_up(_pair(test_cfg['crop_size']), divisor),
            stride=_pair(test_cfg['stride']))
    if has_one_size:
        # A window of a smaller image would be smaller, too.
        padding = dict(size=crop_size)
    if _has_lraspp(segmentor):
        _check_lraspp(crop_size)
        padding = dict(size=(LRASPP_SMALLEST, ) * 2)
    if padding is not None:
        preprocessor.setdefault('test_cfg', padding)


def _divisor(backbone: dict, backbone_class: type) -> int:
    """What the sides of an image must be multiples of."""
    if issubclass(backbone_class, UNet):
        return _downsampling(backbone)
    if issubclass(backbone_class, (DDRNet, PIDNet)):
        # They add branches at an eighth of the size, rounded down.
        return 8
    # MMPretrain's ViT has the same name as mmseg's.
    bases = backbone_class.__mro__
    if {'VisionTransformer', 'BEiT'}.isdisjoint(
            base.__name__ for base in bases):
        return 1
    if 'patch_size' in backbone:
        return backbone['patch_size']
    return next(parameters['patch_size'].default
                for parameters in (inspect.signature(base).parameters
                                   for base in bases)
                if 'patch_size' in parameters)


def _has_one_size(backbone: dict, backbone_class: type) -> bool:
    return issubclass(backbone_class, BEiT) or (
        'img_size' in backbone and backbone['img_size'] is None)


def _predict_in_windows(segmentor: dict, window: Size) -> None:
    segmentor['test_cfg'] = ConfigDict(
        segmentor.get('test_cfg') or {},
        mode='slide',
        crop_size=window,
        stride=tuple(-(-2 * side // 3) for side in window))


def _check_windows(test_cfg: dict) -> None:
    for name in ('crop_size', 'stride'):
        if name not in test_cfg:
            raise ValueError(
                f"model.segmentor.test_cfg={dict(test_cfg)}: mode='slide' "
                f"needs a {name} (height, width); give it, or mode='whole'")


def _has_lraspp(segmentor: dict) -> bool:
    head = segmentor.get('decode_head')
    if not isinstance(head, dict):
        return False
    # A probabilistic head has it inside.
    return issubclass(registered_class(head.get('head', head)), LRASPPHead)


def _check_lraspp(crop_size: Size) -> None:
    if min(crop_size) < LRASPP_SMALLEST:
        raise ValueError(
            f'model.crop_size={crop_size} is too small for LRASPPHead, which '
            f'averages windows of 49 pixels at stride 8; use at least '
            f'{LRASPP_SMALLEST} and crop both training pipelines to it')


def _downsampling(backbone: dict) -> int:
    """How many times smaller the deepest feature of a UNet is."""
    num_stages = backbone.get('num_stages', 5)
    strides = backbone.get('strides', (1, ) * num_stages)
    downsamples = backbone.get('downsamples', (True, ) * (num_stages - 1))
    halvings = sum(stride == 2 or downsample
                   for stride, downsample in zip(strides[1:], downsamples))
    return 2**halvings


def _round_up(size: Size, divisor: int) -> Size:
    return tuple(-(-side // divisor) * divisor for side in size)


def _pair(size: Any) -> Size:
    return (size, size) if isinstance(size, int) else tuple(size)
