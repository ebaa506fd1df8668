# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What timm knows of its backbones, for configs that name one and no more."""
import difflib
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import torch
from torch import nn

from ...value_check import listed

# Arguments that let networks of timm take images of any size.
_ANY_SIZE = (dict(dynamic_img_size=True, dynamic_img_pad=True),
             dict(strict_img_size=False), dict())
_NUM_LEVELS = 4


class TimmLevels(NamedTuple):
    """The feature maps of a backbone of timm that a decoder takes.

    Args:
        out_indices (tuple[int]): Their numbers.
        channels (tuple[int]): Their channels.
        strides (tuple[int]): Pixels of the image for one of theirs; all the
            same in a plain ViT, else each twice the one before.
        options (dict): Arguments of ``timm.create_model`` that the maps need.
            ``img_size=None`` among them stands for the size of all images,
            where the network is built for one.
    """

    out_indices: Tuple[int, ...]
    channels: Tuple[int, ...]
    strides: Tuple[int, ...]
    options: Dict[str, Any]

    @property
    def is_plain(self) -> bool:
        """bool: Whether all maps have the same size, as in a plain ViT."""
        return len(set(self.strides)) == 1


def find_levels(model_name: str, given: Dict[str, Any]) -> TimmLevels:
    """Choose four feature maps of a backbone of timm, or two or three.

    Of a pyramid they are the last map of each of the four largest strides; of
    fewer, if there are no four of which each doubles the one before. Of a
    plain ViT they are four maps at even distances, the last one included.
    The network is tried on PyTorch's meta device for it: nothing is computed,
    and no weights are made or loaded.

    Args:
        model_name (str): Name of a model of timm.
        given (dict): Arguments of ``timm.create_model`` in the config.
            ``out_indices`` among them says which maps to take instead.

    Raises:
        ValueError: If timm has no such model, or it has no such maps.
    """
    _check_name(model_name)
    import timm
    try:
        network, options = _build(model_name, given)
        infos = network.feature_info
        infos = infos if isinstance(infos, list) else infos.info
    except (AttributeError, RuntimeError, NotImplementedError) as error:
        raise ValueError(
            f'model.segmentor.backbone.model_name={model_name!r} of timm '
            f'{timm.__version__} gives no feature maps ({error}); use another '
            'model') from None
    strides = [info['reduction'] for info in infos]
    indices = given.get('out_indices') or _choose(strides)
    if indices is None or max(indices) >= len(strides):
        raise ValueError(
            f'model.segmentor.backbone.model_name={model_name!r} has feature '
            f'maps of the strides {strides}, of which '
            f'{given.get("out_indices") or "two that double"} cannot be '
            'taken; use another model, or give out_indices, and in_channels '
            'of the heads')
    if str(getattr(network, 'output_fmt', 'NCHW')).endswith('NHWC'):
        # Only this way timm puts the channels in front.
        options['feature_cls'] = 'getter'
    if 'img_size' not in given and _has_one_size(model_name, given, network,
                                                 max(strides)):
        options['img_size'] = None
    return TimmLevels(
        tuple(indices), tuple(infos[index]['num_chs'] for index in indices),
        tuple(strides[index] for index in indices), options)


def normalization(model_name: str) -> Dict[str, List[float]]:
    """Mean and std of the images that a model of timm was trained on.

    Returns:
        dict: ``mean`` and ``std`` of RGB, in gray values from 0 to 255.
    """
    _check_name(model_name)
    import timm
    config = timm.get_pretrained_cfg(model_name)
    return {
        name: [round(255 * value, 3) for value in getattr(config, name)]
        for name in ('mean', 'std')
    }


def explain_weights(segmentor: dict, error: Exception) -> None:
    """Explain an error of building a segmentor, if weights of timm cause it.

    Raises:
        ValueError: If the pretrained weights cannot be had, or do not fit.
            Those of a network for images of one size often fit no other.
    """
    backbone = segmentor.get('backbone') or {}
    name = backbone.get('model_name')
    if name is None or not backbone.get('pretrained'):
        return
    key = f'model.segmentor.backbone.model_name={name!r}'
    faults = re.findall(r'size mismatch for (\S+):', str(error))
    if faults:
        advice = 'Give the weights of this model'
        if backbone.get('img_size'):
            import timm
            size = timm.get_pretrained_cfg(name).input_size[1:]
            advice = (f'The network is built for images of one size. Set '
                      f'model.crop_size and both training crops to {size} '
                      '(height, width), if the weights are those of timm')
        raise ValueError(f'{key}: its pretrained weights do not fit its '
                         f'{listed(faults)}. {advice}') from error
    if isinstance(error, OSError):
        reason = str(error).split('\n')[0] or type(error).__name__
        raise ValueError(
            f'{key}: its pretrained weights cannot be had ({reason}). Give a '
            "file by model.segmentor.backbone.pretrained_cfg_overlay="
            "dict(file='weights.safetensors'), or start without weights by "
            'model.segmentor.backbone.pretrained=False') from error


def _check_name(model_name: str) -> None:
    try:
        import timm
    except ImportError as error:
        raise ImportError(
            f'model.segmentor.backbone.model_name={model_name!r} needs timm '
            f'({error}): pip install timm') from None
    if timm.is_model(model_name):
        return
    name = model_name.split('.')[0]
    similar = difflib.get_close_matches(name, timm.list_models(), n=5)
    raise ValueError(
        f'model.segmentor.backbone.model_name={model_name!r}: timm '
        f'{timm.__version__} has no such model; similar names are '
        f'{", ".join(similar) or "none"}')


def _build(model_name: str, given: Dict[str, Any]) -> tuple:
    """The network without weights, and what else it was built with."""
    for options in _ANY_SIZE:
        options = {key: options[key] for key in options.keys() - given.keys()}
        try:
            return _create(model_name, {**given, **options}), options
        except TypeError as error:
            if not options:
                raise RuntimeError(error) from None
    raise AssertionError('the last options are none')


def _create(model_name: str, options: Dict[str, Any]) -> nn.Module:
    import timm
    options = {key: options[key] for key in options.keys() - {'out_indices'}}
    with torch.device('meta'):
        return timm.create_model(model_name, **options)


def _has_one_size(model_name: str, given: Dict[str, Any], network: nn.Module,
                  stride: int) -> bool:
    """Whether all images need the size that the network is built for."""
    sizes = [(4 * stride, 4 * stride), (6 * stride, 6 * stride)]
    if all(_takes(network, size) for size in sizes):
        return False
    try:
        return all(
            _takes(_create(model_name, dict(given, img_size=size)), size)
            for size in sizes)
    except TypeError:
        return False


@torch.no_grad()
def _takes(network: nn.Module, size: Tuple[int, int]) -> bool:
    try:
        network.eval()(torch.empty(1, 3, *size, device='meta'))
    except (AssertionError, RuntimeError, ValueError):
        return False
    return True


def _choose(strides: List[int]) -> Optional[List[int]]:
    """Numbers of the maps; None if there are none that fit."""
    if len(set(strides)) == 1:
        step = len(strides) / _NUM_LEVELS
        if step < 1:
            return None
        return [int(step * (place + 1)) - 1 for place in range(_NUM_LEVELS)]
    last = {stride: index for index, stride in enumerate(strides)}
    levels = sorted(last)[-_NUM_LEVELS:]
    while any(2 * one != two for one, two in zip(levels, levels[1:])):
        levels.pop(0)
    return [last[stride] for stride in levels] if len(levels) > 1 else None
