# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A segmentor config that names a backbone of timm, completed."""
from typing import Any, List

from ..decode_heads import head_configs
from ..registered import registered_class
from .timm_levels import TimmLevels, find_levels, normalization

_BACKBONE = 'TIMMBackbone'
# Arguments of the wrapper, which are none of timm's.
_OWN = {'type', 'model_name', 'features_only', 'pretrained', 'checkpoint_path',
        'in_channels', 'init_cfg', 'norm_layer', 'feature_cls',
        'pretrained_cfg_overlay'}


def fill_from_timm(segmentor: dict) -> None:
    """Fill in what depends on the name of a backbone of timm, in place.

    - ``out_indices``, and arguments that let it take images of any size, or
      ``img_size=None``, for :func:`fit_input_size` to fill in;
    - ``in_channels`` of the neck, or of heads without a neck, and
      ``c1_in_channels``; where there are fewer than four maps, ``num_outs``,
      ``in_index`` and ``feature_strides``, too;
    - ``mean`` and ``std`` of the preprocessor, and a ``size_divisor`` of the
      largest stride: some take nothing else.

    What the config gives remains. A plain ViT, whose maps all have one size,
    gets mmseg's ``Feature2Pyramid`` as its neck in place of the one that
    lacks ``in_channels``, or where there is none.

    Args:
        segmentor (dict): Config of an mmseg segmentor. Only MMPretrain's
            ``TIMMBackbone`` with ``features_only=True`` is looked at.

    Raises:
        ValueError: See :func:`find_levels`.
    """
    backbone = segmentor.get('backbone') or {}
    if registered_class(backbone).__name__ != _BACKBONE or not backbone.get(
            'features_only'):
        return
    preprocessor = segmentor.get('data_preprocessor')
    name = backbone['model_name']
    if preprocessor and 'mean' not in preprocessor and backbone.get(
            'in_channels', 3) == 3:
        preprocessor.update(normalization(name))
    if 'out_indices' in backbone and not _open_places(segmentor):
        return
    levels = find_levels(
        name,
        {key: backbone[key] for key in backbone.keys() - _OWN})
    backbone.update(levels.options, out_indices=levels.out_indices)
    if preprocessor:
        preprocessor.setdefault('size_divisor', max(levels.strides))
    _connect(segmentor, levels)


def _connect(segmentor: dict, levels: TimmLevels) -> None:
    """Say to the neck and the heads how many channels they get."""
    channels: List[int] = list(levels.channels)
    neck = segmentor.get('neck')
    if levels.is_plain and len(channels) == 4 and (
            neck is None or 'in_channels' not in neck):
        if len(set(channels)) > 1:
            raise ValueError(f'maps of {channels} channels make no pyramid')
        segmentor['neck'] = dict(
            type='Feature2Pyramid', embed_dim=channels[0],
            norm_cfg=_norm_cfg(segmentor))
    elif neck is not None:
        neck.setdefault('in_channels', channels)
        if 'num_outs' in neck:
            neck['num_outs'] = min(neck['num_outs'], len(channels))
        channels = [neck.get('out_channels')] * neck.get(
            'num_outs', len(channels))
    for head in _open_heads(segmentor):
        _fit_index(head, len(channels))
        index = head.get('in_index', -1)
        head['in_channels'] = [channels[i] for i in index] if isinstance(
            index, (list, tuple)) else channels[index]
        if 'c1_channels' in head:
            head.setdefault('c1_in_channels', channels[0])


def _fit_index(head: dict, count: int) -> None:
    """Let a head for four maps take as many as there are."""
    index = head.get('in_index', -1)
    if isinstance(index, (list, tuple)):
        head['in_index'] = [i for i in index if i < count]
        if 'feature_strides' in head:
            head['feature_strides'] = head['feature_strides'][:count]
    elif index >= count:
        head['in_index'] = count - 1


def _open_places(segmentor: dict) -> bool:
    neck = segmentor.get('neck')
    return bool(_open_heads(segmentor)) or (
        neck is not None and 'in_channels' not in neck)


def _open_heads(segmentor: dict) -> List[dict]:
    # What K-Net updates is no map of the backbone.
    return [head for head in head_configs(segmentor)
            if 'in_channels' not in head
            and head.get('type') != 'KernelUpdateHead']


def _norm_cfg(segmentor: dict) -> Any:
    for head in head_configs(segmentor, ('decode_head', )):
        if head.get('norm_cfg'):
            return dict(head['norm_cfg'])
    return dict(type='SyncBN', requires_grad=True)
