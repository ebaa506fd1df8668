# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Masks of class numbers from MATLAB files."""
import argparse
from pathlib import Path
from typing import Optional

import numpy as np
from distinct_colors import distinct_colors
from mask_labels import VOID
from mask_output import finish, mask_files, save
from mask_photographs import check_sizes, files_of, photographs_beside

from prcl_mmseg.datasets.thread_map import thread_map


def convert_mat(args: argparse.Namespace) -> None:
    """Take the numbers as they are."""
    files = files_of(args.source, ('.mat', ))
    targets = mask_files(args, files)
    # All of them, before the first mask is written.
    masks = list(thread_map(lambda index: read_mat(files[index], args.key),
                            len(files), 'Reading matrices'))
    check_sizes(photographs_beside(files, args.source, args.images),
                lambda index: masks[index].shape[::-1], files)
    made = [save(mask, target) for mask, target in zip(masks, targets)]
    pixels = sum(image.pixels for image in made)
    # Of others label_map says the class.
    pixels[[value for value in args.known.label_map if value < VOID]] = 0
    count = int(np.flatnonzero(pixels[:VOID]).max(initial=0)) + 1
    names = list(args.known.colors)
    names += [f'class_{number}' for number in range(len(names), count)]
    if args.void:
        raise ValueError('--void: the numbers have no names yet; use '
                         'label_map of the data file, {9: 255}')
    colors = [args.known.colors.get(name, color) for name, color in zip(
        names, distinct_colors(len(names), True))]
    finish(args, targets, made, names, colors, {})


def read_mat(path: Path, key: Optional[str] = None) -> np.ndarray:
    """The class numbers in a MATLAB file, uint8 (H, W)."""
    from scipy.io import loadmat
    try:
        told = loadmat(path)
    except NotImplementedError:
        raise ValueError(f"{path} is of MATLAB's version 7.3; save it with "
                         "save(..., '-v7')") from None
    found = {
        name: value for name, value in told.items()
        if isinstance(value, np.ndarray) and value.ndim == 2 and
        min(value.shape) > 1 and value.dtype.kind in 'uif'
    }
    if key is not None:
        found = {name: found[name] for name in found if name == key}
    if len(found) != 1:
        raise ValueError(
            f'{path} has {len(found)} matrices'
            f'{f" called {key!r}" if key else ""}: '
            f'{", ".join(name for name in told if name[0] != "_")}; name one '
            'by --key')
    mask, = found.values()
    if (mask < 0).any() or (mask > VOID).any() or (mask % 1 != 0).any():
        raise ValueError(f'{path}: its values from {mask.min()} to '
                         f'{mask.max()} are no class numbers from 0 to 255')
    return mask.astype(np.uint8)
