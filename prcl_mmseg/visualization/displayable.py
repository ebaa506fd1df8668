# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Images of any number of channels and bits as something to look at."""
from typing import Optional, Tuple, Union

import mmcv
import numpy as np
from torch import Tensor

from ..datasets.loading import decode_image


def displayable(image: Union[Tensor, np.ndarray],
                limits: Optional[Tuple[float, float]] = None) -> np.ndarray:
    """Any image as uint8 RGB (H, W, 3).

    Three channels are BGR, as MMCV loads them. Of other images the first
    channel is shown, in grey. What is not uint8 is stretched to the range of
    its own values, but for the hundredth at either end.

    Args:
        image (Tensor | np.ndarray): (C, H, W) if a tensor, else (H, W),
            (H, W, C) or, with the fewest in front, (C, H, W).
        limits (tuple[float, float], optional): Shown as black and as white,
            instead of that range.
    """
    if isinstance(image, Tensor):
        image = image.cpu().numpy().transpose(1, 2, 0)
    image = _channels_last(image)
    image = image[..., ::-1] if image.shape[2] == 3 else image[..., :1]
    if image.dtype != np.uint8:
        image = _stretch(image.astype(np.float32), limits)
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))


def decode_displayable(content: bytes, upright: bool = True) -> np.ndarray:
    """The bytes of any image file as uint8 RGB (H, W, 3).

    What 8 bits and three channels can hold is decoded as MMCV does it.

    Args:
        content (bytes): Of the file.
        upright (bool): Turn a photograph as its EXIF orientation says.
            Defaults to True.
    """
    flag = 'color' if upright else 'color_ignore_orientation'
    try:
        image = decode_image(content)
    except Exception:
        # MMCV says what is wrong, or knows better.
        return mmcv.imfrombytes(content, flag, 'rgb')
    image = _channels_last(image)
    channels = image.shape[2]
    if image.dtype == np.uint8 and channels in (1, 3, 4):
        # What is no array file, MMCV knows best.
        decoded = _decode_by_mmcv(content, flag)
        if decoded is not None:
            return decoded
    return displayable(image[..., ::-1] if channels == 3 else image)


def _channels_last(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2:
        return image[..., None]
    if image.shape[0] < min(image.shape[1:]):
        return image.transpose(1, 2, 0)
    return image


def _decode_by_mmcv(content: bytes, flag: str) -> Optional[np.ndarray]:
    try:
        return mmcv.imfrombytes(content, flag, 'rgb')
    except Exception:
        return None


def _stretch(image: np.ndarray,
             limits: Optional[Tuple[float, float]]) -> np.ndarray:
    known = image[np.isfinite(image)]
    if not known.size:
        return np.zeros(image.shape, np.uint8)
    low, high = limits or np.percentile(known, (1, 99))
    if limits is None and low == high:
        low, high = known.min(), known.max()
    image = np.nan_to_num(image, nan=low, posinf=high, neginf=low)
    image = (image - low) / max(high - low, 1e-12)
    return (255 * image.clip(0, 1)).astype(np.uint8)
