# Copyright (c) prcl_mmseg authors. All rights reserved.
r"""Prepare Pascal VOC 2012 with the masks of SBD ("blended", 10582 images).

    python tools/dataset_converters/voc_sbd.py \
        data/VOCdevkit/VOC2012 data/benchmark_RELEASE/dataset \
        --out data/VOCdevkit/VOC2012 --lists splits \
        --blended 1/16 1/8 1/4 1/2 --classic 92 183 366 732 1464

Writes OUT/SegmentationClassAug/*.png, LISTS/voc/train_aug.txt and, where
asked for, seeded lists in LISTS/blended/1-16/, LISTS/classic/92/ and so on, as
the configs name them. Needs scipy, which reads SBD's .mat files.
"""
import argparse
import sys
from fractions import Fraction
from pathlib import Path
from typing import Dict, List, Set

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# First of all, to say so if the packages below don't fit.
import prcl_mmseg  # noqa: E402, F401

import numpy as np  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.utils import track_iter_progress  # noqa: E402
from PIL import Image  # noqa: E402
from split_files import check_split_folder, write_splits  # noqa: E402
from split_making import make_split  # noqa: E402
from split_source import source_of_config  # noqa: E402

from prcl_mmseg.compat import whole_file  # noqa: E402
from prcl_mmseg.datasets import SplitEntry, read_split  # noqa: E402
from prcl_mmseg.datasets.output_folder import refuse_inside  # noqa: E402
from prcl_mmseg.engine.tool_config import share  # noqa: E402

FOLDER = 'SegmentationClassAug'
LIST = Path('voc/train_aug.txt')
LOADERS = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('voc_root', type=Path, help='VOC2012, which holds '
                        'JPEGImages, SegmentationClass, ImageSets')
    parser.add_argument('sbd_root', type=Path, help='the folder of SBD that '
                        'holds cls, train.txt, val.txt')
    parser.add_argument('--out', type=Path, required=True,
                        help=f'{FOLDER} is made in this folder')
    parser.add_argument('--lists', type=Path, required=True,
                        help='folder for the lists, outside of VOC2012')
    parser.add_argument(
        '--fine', choices=['voc', 'sbd'], default='voc',
        help="whose masks to take of images that have both: 'voc' (default) "
        'draws finer and leaves borders out')
    parser.add_argument('--blended', nargs='*', type=share, default=[])
    parser.add_argument('--classic', nargs='*', type=int, default=[])
    parser.add_argument('--balance', choices=['classes', 'none'],
                        default='classes')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--overwrite', action='store_true')
    return parser.parse_args()


def read_ids(path: Path) -> List[str]:
    """The ids of a list: names of files, which stay in their folders."""
    ids = [entry.image for entry in read_split(path)]
    for name in ids:
        if name in ('.', '..') or Path(name).name != name:
            raise ValueError(f'{path} lists {name!r}, which is no id of an '
                             'image; take the list of the archive')
    return ids


def read_sbd_mask(path: Path) -> np.ndarray:
    """The classes of an SBD .mat file, uint8 of shape (height, width)."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ImportError('voc_sbd.py needs scipy to read .mat files: pip '
                          'install scipy') from error
    try:
        content = loadmat(str(path), variable_names='GTcls', squeeze_me=True)
        mask = np.asarray(content['GTcls']['Segmentation'].item())
    except Exception as error:
        raise ValueError(f'{path} is no mask of SBD ({type(error).__name__}: '
                         f'{error}); download it again') from error
    if mask.ndim != 2 or mask.max() > 20:
        raise ValueError(f'{path} holds an array of shape {mask.shape} with '
                         f'values up to {mask.max()}, no mask of 21 classes')
    return mask.astype(np.uint8)


def write_mask(source: Path, target: Path) -> None:
    if source.suffix == '.mat':
        mask = read_sbd_mask(source)
    else:
        with Image.open(source) as image:
            mask = np.array(image)
        if mask.ndim != 2:
            raise ValueError(f'{source} holds colours, no class numbers; take '
                             "VOC's own palette PNGs")
    with whole_file(target, follow_links=False) as file:
        Image.fromarray(mask).save(file, format='PNG')


def check_folders(args: argparse.Namespace) -> None:
    wanted = [args.voc_root / name for name in
              ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation')]
    wanted += [args.sbd_root / name for name in ('cls', 'train.txt',
                                                 'val.txt')]
    missing = [str(path) for path in wanted if not path.exists()]
    if missing:
        raise FileNotFoundError(
            f'{", ".join(missing)} do(es) not exist. voc_root is VOC2012; '
            'sbd_root is the folder `dataset` in benchmark_RELEASE')
    target = args.out / FOLDER
    refuse_inside(target, (args.sbd_root, args.voc_root / 'SegmentationClass',
                           args.voc_root / 'JPEGImages'))
    if target.exists() and any(target.iterdir()) and not args.overwrite:
        raise FileExistsError(f'{target} already holds files; choose another '
                              '--out, or --overwrite')


def check_lists(args: argparse.Namespace, num_train: int) -> None:
    """Look before the conversion whether the lists can be written."""
    for part in args.blended:
        if not 0 < part <= 1:
            raise ValueError(f'--blended {part}: give shares in (0, 1]')
    for count in args.classic:
        if not 1 <= count <= num_train:
            raise ValueError(f'--classic {count}: give numbers from 1 to '
                             f'{num_train}, the images of VOC\'s train.txt')
    folders = {args.lists / LIST.parent: [LIST.name]}
    for name in (*map(blended_name, args.blended),
                 *(f'classic/{count}' for count in args.classic)):
        folders[args.lists / name] = ['labeled.txt', 'unlabeled.txt']
    for folder, names in folders.items():
        check_split_folder(folder, names, [args.voc_root, args.sbd_root],
                           args.overwrite, '--lists')


def blended_name(part: Fraction) -> str:
    return f'blended/{str(part).replace("/", "-")}'


def train_aug(voc_train: List[str], voc_val: List[str],
              sbd: Set[str]) -> List[str]:
    """All images with masks of VOC or SBD that VOC doesn't validate on."""
    return sorted((set(voc_train) | sbd) - set(voc_val))


def find_masks(args: argparse.Namespace, voc: List[str],
               sbd: Set[str]) -> Dict[str, Path]:
    """The mask of every image that VOC or SBD has one of, by id."""
    fine = set(voc) if args.fine == 'voc' else set(voc) - sbd
    masks = {
        name: args.voc_root / 'SegmentationClass' / f'{name}.png'
        if name in fine else args.sbd_root / 'cls' / f'{name}.mat'
        for name in sorted(set(voc) | sbd)
    }
    missing = [path for path in masks.values() if not path.is_file()]
    if missing:
        more = f', nor do {len(missing) - 1} others' if missing[1:] else ''
        raise FileNotFoundError(f'{missing[0]} is listed, but does not exist'
                                f'{more}; unpack the archive again')
    return masks


def convert(masks: Dict[str, Path], target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name, source in track_iter_progress(list(masks.items())):
        write_mask(source, target / f'{name}.png')


def make_splits(args: argparse.Namespace, images: List[str]) -> None:
    def source_of(masks: Path, list_file: Path):
        return source_of_config(
            dict(
                type='SplitVOCDataset', data_root=str(args.voc_root),
                data_prefix=dict(
                    img_path='JPEGImages', seg_map_path=str(masks.resolve())),
                ann_file=str(list_file.resolve()), pipeline=LOADERS),
            'voc', mask_column=False)

    def write(source, name: str, **settings) -> None:
        lists, manifest = make_split(
            source, balance=args.balance, seed=args.seed, **settings)
        lists = {
            file: [SplitEntry(Path(entry.image).stem) for entry in part]
            for file, part in lists.items()
        }
        write_splits(args.lists / name, lists,
                     dict(source='Pascal VOC 2012 and SBD', fine=args.fine,
                          **manifest), [args.voc_root, args.sbd_root],
                     args.overwrite)
        print(f'{args.lists / name}: {len(lists["labeled.txt"])} labelled, '
              f'{len(lists["unlabeled.txt"])} unlabelled')

    if args.blended:
        source = source_of(args.out / FOLDER, args.lists / LIST)
        for part in args.blended:
            write(source, blended_name(part), fraction=part)
    if args.classic:
        source = source_of(
            args.voc_root / 'SegmentationClass',
            args.voc_root / 'ImageSets/Segmentation/train.txt')
        more = [SplitEntry(f'JPEGImages/{name}.jpg') for name in images]
        for count in args.classic:
            write(source, f'classic/{count}', count=count,
                  more_unlabeled=more)


def main() -> None:
    args = parse_args()
    init_default_scope('mmseg')
    try:
        check_folders(args)
        sets = args.voc_root / 'ImageSets/Segmentation'
        train, val = read_ids(sets / 'train.txt'), read_ids(sets / 'val.txt')
        sbd = set(read_ids(args.sbd_root / 'train.txt'))
        sbd |= set(read_ids(args.sbd_root / 'val.txt'))
        check_lists(args, len(train))
        masks = find_masks(args, train + val, sbd)
        images = train_aug(train, val, sbd)
        convert(masks, args.out / FOLDER)
        lists = {LIST.name: [SplitEntry(name) for name in images]}
        write_splits(
            args.lists / LIST.parent, lists,
            dict(source='Pascal VOC 2012 and SBD', fine=args.fine),
            [args.voc_root, args.sbd_root], args.overwrite)
        print(f'\n{args.lists / LIST}: {len(images)} images')
        if len(images) != 10582:
            print('WARNING: the complete data sets have 10582.')
        make_splits(args, images)
    except (FileNotFoundError, FileExistsError, ValueError,
            ImportError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
