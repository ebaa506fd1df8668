# Copyright (c) prcl_mmseg authors. All rights reserved.
import io
from typing import Any

import mmcv
import numpy as np
from mmengine import fileio
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from .loading import LoadWideAnnotations

# Pillow's modes of 8 bits or less.
_NARROW_MODES = ('1', 'L', 'P', 'LA', 'PA', 'RGB', 'RGBA')


def refuse_cut_labels(path: str, loader: Any) -> None:
    """Find labels that mmseg's loader would silently change.

    ``LoadAnnotations`` keeps the lowest 8 bits of a mask, so that 300 becomes
    44 and a fraction its whole part.

    Args:
        path (str): The mask.
        loader: The transform that loads it.

    Raises:
        ValueError: If the file holds other values than ``loader`` will give;
            names the file, a value, what becomes of it, and the cure.
    """
    if not isinstance(loader, LoadAnnotations) or isinstance(
            loader, LoadWideAnnotations):
        return
    try:
        content = fileio.get(path, backend_args=loader.backend_args)
        if _mode(content) in _NARROW_MODES:
            return
        mask = mmcv.imfrombytes(
            content, flag='unchanged', backend=loader.imdecode_backend)
        cut = mask.astype(np.uint8)
        changed = np.flatnonzero(mask != cut)
    except Exception:
        # The loader itself will fail, and its error says why.
        return
    if len(changed):
        raise ValueError(
            f'The mask {path} holds {mask.dtype} values such as '
            f'{mask.flat[changed[0]]}, but {type(loader).__name__} keeps 8 '
            f'bits, which makes {cut.flat[changed[0]]} of it. '
            "Load it with dict(type='LoadWideAnnotations') instead and "
            'give the class of each such value in `label_map` of the data '
            'set, or rewrite the masks as 8-bit PNGs of class numbers.')


def _mode(content: bytes) -> str:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.mode
    except OSError:
        return 'unknown'
