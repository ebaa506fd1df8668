# Copyright (c) prcl_mmseg authors. All rights reserved.
from mmseg.models.utils import resize
from torch import Tensor


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
