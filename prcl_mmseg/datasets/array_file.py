# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The shape of arrays in files, without reading them."""
import os.path as osp
import struct
from typing import Optional, Tuple

import numpy as np

from .loading import NPY, TIFF, LoadMultiChannelImage

try:
    import tifffile
except ImportError:
    tifffile = None


def array_shape(path: str, head: bytes) -> Optional[Tuple[int, ...]]:
    """The shape of the array in a ``.npy`` or TIFF file.

    Args:
        path (str): The file.
        head (bytes): How it begins.

    Returns:
        tuple[int]: The shape; None for files of other formats, and for TIFF
        files without ``tifffile``.

    Raises:
        Exception: If the file is too short for the array, or no whole file
            of its format.
    """
    if head.startswith(NPY):
        return np.load(path, mmap_mode='r', allow_pickle=False).shape
    if head.startswith(TIFF) and tifffile is not None:
        return _tiff_shape(path)
    return None


def check_channels(loader: LoadMultiChannelImage, path: str) -> None:
    """Compare the channels of an array with those that a transform expects.

    Raises:
        ValueError: If they differ; names the file.
    """
    with open(path, 'rb') as file:
        shape = array_shape(path, file.read(len(NPY)))
    if shape is not None:
        loader._channels_last(np.broadcast_to(np.uint8(0), shape), path)


def _tiff_shape(path: str) -> Tuple[int, ...]:
    with tifffile.TiffFile(path) as file:
        array = file.series[0]
        ends = [
            start + length for page in file.pages
            for start, length in zip(page.dataoffsets, page.databytecounts)
        ]
        if array.dataoffset is not None:
            ends.append(array.dataoffset + array.nbytes)
        size = osp.getsize(path)
        if max(ends, default=0) > size:
            raise ValueError(f'its {size} bytes are too few')
        # Tags whose values are cut off are silently missing.
        first = file.pages.first
        file.filehandle.seek(first.offset)
        count = file.filehandle.read(file.tiff.tagnosize)
        if len(first.tags) < struct.unpack(file.tiff.tagnoformat, count)[0]:
            raise ValueError('some of its tags cannot be read')
        return array.shape
