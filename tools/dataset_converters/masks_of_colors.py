# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Masks of class numbers from painted masks."""
import argparse
from pathlib import Path
from typing import Tuple

import numpy as np
from mask_colors import class_mask, find_colors, read_palette
from mask_labels import VOID
from mask_output import finish, mask_files, save
from mask_photographs import check_sizes, files_of, photographs_beside
from PIL import Image

from prcl_mmseg.datasets.split_list import IMAGE_SUFFIXES
from prcl_mmseg.datasets.thread_map import thread_map


def convert_colors(args: argparse.Namespace) -> None:
    """Give every pixel the class of the nearest colour."""
    files = files_of(args.source, (*IMAGE_SUFFIXES, '.gif'))
    palette = read_palette(args.palette) if args.palette else None
    known = args.known.colors
    colors = find_colors(files, palette and list(palette.values()),
                         list(known.values()))
    named = {color: name for name, color in known.items()}
    names = list(palette or ()) or [
        named.get(c, f'color_{"%02x%02x%02x" % c}') for c in colors.classes]
    unknown = set(args.void) - set(names)
    if unknown:
        raise ValueError(f'--void {" ".join(sorted(unknown))}: the classes '
                         f'are {", ".join(names)}')
    kept = [number for number, name in enumerate(names)
            if name not in args.void]
    lookup = np.full(256, VOID, np.uint8)
    lookup[kept] = range(len(kept))
    targets = mask_files(args, files)
    check_sizes(photographs_beside(files, args.source, args.images),
                lambda index: _size(files[index]), files)
    made = list(thread_map(
        lambda index: save(lookup[class_mask(files[index], colors.classes)],
                           targets[index]), len(files), 'Converting masks'))
    finish(args, targets, made, [names[number] for number in kept],
           [colors.classes[number] for number in kept], {
               'colour': [' '.join(map(str, colors.classes[number]))
                          for number in kept]})
    print(f'{100 * colors.smeared:.2f} % of the pixels have a colour near to '
          f'that of a class; {100 * colors.void:.2f} % have another colour '
          'and become 255, no class')
    if colors.merged:
        told = ', '.join(f'{one} as {other}' for one, other in
                         colors.merged[:5])
        print(f'WARNING: {len(colors.merged)} frequent colours are near to '
              f'another and count as the same class: {told}. If they are '
              'classes of their own, list all colours in a file for --palette')
    if palette is None:
        print('The colours were found. If these are not the classes, write '
              'lines "RED GREEN BLUE NAME" to a file and give it by --palette')


def _size(path: Path) -> Tuple[int, int]:
    with Image.open(path) as image:
        return image.size
