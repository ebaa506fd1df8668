# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Where converted masks go, and what is said of them."""
import argparse
import os
from collections import Counter
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

import numpy as np
from mask_data_file import data_values, read_data_file, write_data_file
from mask_labels import VOID
from mask_photographs import photographs_of, place_of
from PIL import Image
from prettytable import PrettyTable

from prcl_mmseg.compat.whole_files import whole_file
from prcl_mmseg.datasets.output_folder import refuse_inside


class Made(NamedTuple):
    """What was made of one image.

    Args:
        pixels (np.ndarray): Pixels of each number, int64, (256,).
        overlap (int): Pixels that lie in shapes of two classes.
    """

    pixels: np.ndarray
    overlap: int = 0


def check_out(args: argparse.Namespace) -> None:
    """Refuse a folder inside the source, or with earlier masks.

    ``args.known`` becomes what an earlier data file says.

    Raises:
        ValueError: If masks would be written into the source, or an earlier
            data file cannot be kept.
        FileExistsError: If there are masks, and no ``--overwrite``.
    """
    sources = [args.source] if args.source.is_dir() else []
    sources += [args.images] if getattr(args, 'images', None) else []
    refuse_inside(str(args.out / 'masks'), map(str, sources))
    existing = [name for name in ('masks', 'data.py')
                if (args.out / name).exists()]
    if existing and not args.overwrite:
        raise FileExistsError(f'{args.out} holds {" and ".join(existing)} '
                              'already; choose another --out, or --overwrite')
    args.known = read_data_file(args.out / 'data.py')


def mask_files(args: argparse.Namespace, files: Sequence[Path]) -> List[Path]:
    """Where the mask of each file goes."""
    folder = args.source if args.source.is_dir() else args.images
    outside = [path for path in files
               if Path(os.path.abspath(folder)) not in
               Path(os.path.abspath(path)).parents]
    if outside:
        raise ValueError(
            f'{outside[0]} lies outside of {folder}, so its mask has no place '
            'beside the others; put the image, or a link to it, there')
    targets = [
        (args.out / 'masks' / os.path.relpath(path, folder)).with_suffix(
            '.png') for path in files
    ]
    twice = [target for target, count in Counter(targets).items() if count > 1]
    if twice:
        same = [str(file) for file, target in zip(files, targets)
                if target == twice[0]]
        raise ValueError(
            f'{len(twice)} names are used twice in a folder, such as '
            f'{" and ".join(same)}; their masks would replace each other. '
            'Rename one')
    return targets


def save(mask: np.ndarray, target: Path, overlap: int = 0) -> Made:
    """Write a mask, and count it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as file:
        Image.fromarray(mask).save(file, format='PNG')
    return Made(np.bincount(mask.ravel(), minlength=256), overlap)


def finish(args: argparse.Namespace, targets: Sequence[Path],
           made: Sequence[Made], classes: Sequence[str], palette: Sequence,
           columns: Dict[str, list]) -> None:
    """Write the data file, and print what the masks hold."""
    pixels = np.stack([image.pixels for image in made])
    shares = pixels.sum(axis=0) / pixels.sum()
    table = PrettyTable(['number', 'class', *columns, 'images', 'pixels (%)'])
    for number, name in enumerate([*classes, 'void']):
        number = VOID if name == 'void' and number == len(classes) else number
        cells = [column[number] if number < VOID else ''
                 for column in columns.values()]
        table.add_row([number, name, *cells, (pixels[:, number] > 0).sum(),
                       f'{100 * shares[number]:.2f}'])
    print(table)
    data_file = args.out / 'data.py'
    known = list(args.known.colors)
    if list(classes[:len(known)]) != known:
        print(f'WARNING: the classes had other numbers before: '
              f'{", ".join(known)}. Models that were trained with these masks '
              'do not fit the new ones')
    elif known and classes[len(known):]:
        print(f'New classes: {", ".join(classes[len(known):])}')
    write_data_file(data_file, data_values(args.images, args.out / 'masks',
                                           classes, palette, {}))
    others = sorted(set((args.out / 'masks').rglob('*.png')) - set(targets))
    if others:
        print(f'NOTE: {len(others)} masks are of an earlier round, '
              f'{others[0]} for one, and remain as they are. Delete those '
              'that are no longer wanted')
    images = photographs_of(args.images)
    masks = {place_of(target, args.out / 'masks') for target in targets}
    places = {place_of(image, args.images) for image in images}
    if masks - places:
        print(f'NOTE: {len(masks - places)} masks have no photograph of their '
              f'name in {args.images}, {min(masks - places)}.png for one. '
              'Give both the same names')
    steps = 'step 2'
    if known:
        steps = 'step 7 (step 3 if you have not trained yet)'
    print(f'{len(made)} masks for {len(images)} images are in '
          f'{args.out / "masks"}. {data_file} describes them'
          f'{"; your settings in it remain" if known else ""}. Go on with '
          f'{steps} of docs/label_loop.md')
    if places <= masks:
        print('No image is unlabelled. Photographs without annotations have '
              f'to lie in {args.images}, too')
