# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Ordinary mmseg predictions, with the maps that terms add to them."""
from types import MethodType
from typing import List, Sequence

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.models.utils import resize
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor

from ..terms import Term
from .network_pass import predict_logits


class InferenceWithMaps:
    """A segmentor's inference, whole or sliding, of more than its logits.

    The maps are appended to the logits as channels. So windows, resizing and
    flips treat both alike.
    The segmentor itself is not changed, so others may predict with it at the
    same time.

    Args:
        segmentor (EncoderDecoder): Gives the logits.
        terms (Sequence[Term]): Give the maps.
    """

    def __init__(self, segmentor: EncoderDecoder,
                 terms: Sequence[Term]) -> None:
        self.segmentor = segmentor
        self.terms = terms
        self.test_cfg = segmentor.test_cfg
        self.align_corners = segmentor.align_corners
        self.out_channels = segmentor.out_channels + sum(
            len(term.map_names) for term in terms)
        for name in ('inference', 'slide_inference', 'whole_inference'):
            borrowed = getattr(type(segmentor), name)
            setattr(self, name, MethodType(borrowed, self))

    def encode_decode(self, inputs: Tensor,
                      batch_img_metas: List[dict]) -> Tensor:
        """Logits of an image or window, then the maps, (N, C + K, H, W)."""
        seg_logits, embedding = predict_logits(self.segmentor, inputs,
                                               batch_img_metas)
        maps = [term.maps(seg_logits, embedding) for term in self.terms]
        return torch.cat([seg_logits, *maps], dim=1)


def predict_with_maps(segmentor: EncoderDecoder, terms: Sequence[Term],
                      inputs: Tensor,
                      data_samples: OptSampleList) -> SampleList:
    """mmseg's predictions, and each map as a field (1, H, W) of its name.

    Args:
        segmentor (EncoderDecoder): Predicts.
        terms (Sequence[Term]): Add maps.
        inputs (Tensor): Images, (N, C, H, W).
        data_samples (list[SegDataSample], optional): Of the images.
    """
    names = [name for term in terms for name in term.map_names]
    if not names:
        return segmentor.predict(inputs, data_samples)
    size = tuple(inputs.shape[2:])
    if data_samples is None:
        meta = dict(ori_shape=size, img_shape=size, pad_shape=size)
        metas = [meta] * len(inputs)
    else:
        metas = [sample.metainfo for sample in data_samples]
    outputs = InferenceWithMaps(segmentor, terms).inference(inputs, metas)
    results = segmentor.postprocess_result(outputs[:, :-len(names)],
                                           data_samples)
    for sample, maps in zip(results, outputs[:, -len(names):]):
        restored = restore_map(maps, sample.metainfo, segmentor.align_corners)
        sample.set_data({
            name: PixelData(data=data)
            for name, data in zip(names, restored.split(1))
        })
    return results


def restore_map(data: Tensor, metainfo: dict, align_corners: bool) -> Tensor:
    """Bring a map of the network's input back to the original image.

    Removes the padding, undoes the flip and resizes, in the order in which
    mmseg does it to logits.

    Args:
        data (Tensor): Map of the padded input, (C, H, W).
        metainfo (dict): The sample's; without ``ori_shape`` the size stays.
        align_corners (bool): For the bilinear resize.

    Returns:
        Tensor: Map of the original image, (C, *ori_shape).
    """
    left, right, top, bottom = metainfo.get(
        'img_padding_size', metainfo.get('padding_size', (0, 0, 0, 0)))
    height, width = data.shape[1:]
    data = data[:, top:height - bottom, left:width - right]
    if metainfo.get('flip'):
        horizontal = metainfo.get('flip_direction') == 'horizontal'
        data = data.flip(2 if horizontal else 1)
    return resize(
        data[None],
        size=metainfo.get('ori_shape', data.shape[1:]),
        mode='bilinear',
        align_corners=align_corners,
        warning=False)[0]
