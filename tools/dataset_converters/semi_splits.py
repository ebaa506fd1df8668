# Copyright (c) prcl_mmseg authors. All rights reserved.
r"""Make, extend and check splits: labelled, unlabelled and val.

    python tools/dataset_converters/semi_splits.py make --data-root data/x \
        --count 20 --val-count 30 --out splits/x
    python tools/dataset_converters/semi_splits.py make \
        --config configs/prcl/prcl_r101_ade20k_1-16.py \
        --fraction 1/16 --out splits/ade20k/1-16
    python tools/dataset_converters/semi_splits.py extend \
        --config my_config.py --out splits/my_masks
    python tools/dataset_converters/semi_splits.py check splits/x \
        --data-root data/x
    python tools/dataset_converters/semi_splits.py check \
        --config configs/prcl/prcl_r101_ade20k_1-16.py
"""
import argparse
import json
import os.path as osp
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# First of all, to say so if the packages below don't fit.
import prcl_mmseg  # noqa: E402, F401

from mmengine.config import Config  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmseg.registry import DATASETS  # noqa: E402
from split_files import (check_infos, check_manifest,  # noqa: E402
                         read_manifest, write_splits)
from split_making import extend_split, make_split  # noqa: E402
from split_source import (SplitSource, source_of_config,  # noqa: E402
                          source_of_folders)

from prcl_mmseg.datasets import (SplitSegDataset, UnlabeledDataset,  # noqa: E402
                                 check_paths, leaf_configs)
from prcl_mmseg.engine.config_types import name_types  # noqa: E402
from prcl_mmseg.engine.tool_config import (  # noqa: E402
    OptionsAction, open_config, positive, share)
from prcl_mmseg.value_check import listed  # noqa: E402

ROLES = ('labeled', 'unlabeled', 'val')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    make = commands.add_parser('make', help='make splits')
    add_source_arguments(make)
    make.add_argument('--out', required=True, help='folder for the lists, '
                      'outside of the data')
    size = make.add_mutually_exclusive_group()
    size.add_argument('--count', type=positive, help='labelled images')
    size.add_argument(
        '--fraction', type=share,
        help='share of the training images with masks to label, such as '
        '1/16 or 0.1; by default all')
    val = make.add_mutually_exclusive_group()
    val.add_argument('--val-count', type=int, default=0,
                     help='images with masks to set apart for val.txt')
    val.add_argument('--val-fraction', type=share)
    make.add_argument(
        '--balance', choices=['classes', 'none'], default='classes',
        help="'classes' (default) covers rare classes and keeps every "
        "class's share; 'none' draws uniformly and reads only the chosen "
        'masks')
    make.add_argument('--seed', type=int, default=0)
    make.add_argument('--unlabeled-list', help='list of further unlabelled '
                      'images, in any known format')
    make.add_argument('--min-pixels', type=positive, default=1, help='an '
                      'image shows a class from so many pixels on')
    make.add_argument('--workers', type=positive, default=4, help='threads '
                      'that read masks')
    make.add_argument('--overwrite', action='store_true')
    extend = commands.add_parser(
        'extend', help='move images that have a mask by now from '
        'unlabeled.txt to labeled.txt; val.txt remains')
    add_source_arguments(extend)
    extend.add_argument('--out', required=True, help='folder of the lists')
    extend.add_argument('--only', help='move the images of this list only, '
                        'such as label_next.txt')
    check = commands.add_parser('check', help='check lists')
    check.add_argument('folder', nargs='?', help='folder with labeled.txt, '
                       'unlabeled.txt and maybe val.txt and manifest.json')
    for role in ROLES:
        check.add_argument(f'--{role}', help='this list instead of that of '
                           'the folder')
    add_source_arguments(check)
    args = parser.parse_args()
    if (args.config is None) == (args.data_root is None):
        parser.error('give either --data-root, with --images and --masks '
                     'below it, or --config')
    return args


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--config', help='config of an mmseg data set')
    parser.add_argument('--dataset', default='train_dataloader.dataset',
                        help='its place in the config')
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction)
    parser.add_argument('--list', default='', help='take the images of this '
                        'list, in any known format, instead of the folders')
    parser.add_argument('--data-root', help='folder of the data')
    parser.add_argument('--images', default='images')
    parser.add_argument('--masks', default='masks')
    parser.add_argument('--img-suffix', help='by default any usual one')
    parser.add_argument('--seg-map-suffix', default='.png')
    parser.add_argument('--num-classes', type=positive, help='by default what '
                        'the masks hold')
    parser.add_argument(
        '--label-map', nargs='+', default=[], metavar='VALUE:CLASS',
        help='classes of other values, such as 255:1 for masks of 0 and 255')
    parser.add_argument('--reduce-zero-label', action='store_true')
    parser.add_argument('--ignore-index', type=int, default=255)


def read_config(args: argparse.Namespace) -> Config:
    cfg = open_config(args.config, args.cfg_options)
    name_types(cfg)
    return cfg


def node_of(cfg: Config, key: str, file: str) -> Any:
    node = cfg
    for name in key.split('.'):
        try:
            node = node[int(name) if isinstance(node, list) else name]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ValueError(f'{file} has no `{key}`; name the place of a '
                             'data set with --dataset') from None
    return node


def label_settings(args: argparse.Namespace) -> Dict[str, Any]:
    try:
        label_map = {
            int(value): int(label)
            for value, label in (pair.split(':') for pair in args.label_map)
        }
    except ValueError:
        raise ValueError(f'--label-map {" ".join(args.label_map)}: write '
                         'pairs of numbers such as 255:1') from None
    return dict(
        label_map=label_map or None,
        reduce_zero_label=args.reduce_zero_label,
        ignore_index=args.ignore_index)


def open_source(args: argparse.Namespace) -> Tuple[SplitSource, List[str]]:
    """The images, and the names of the classes if they are known."""
    if args.config is None:
        if args.list:
            raise ValueError('--list goes with --config; with --data-root '
                             'all images of the folder are taken')
        source = source_of_folders(
            args.data_root, args.images, args.masks, args.img_suffix,
            args.seg_map_suffix, args.num_classes or 256,
            **label_settings(args))
        names = [str(label) for label in range(args.num_classes or 0)]
    else:
        node = node_of(read_config(args), args.dataset, args.config)
        source = source_of_config(node, args.dataset, args.list)
        names = list(source.classes)
    if source.masks_beside_images:
        print(f'note: {len(source.masks_beside_images)} files beside the '
              'images are masks of images, '
              f'{source.masks_beside_images[0]} for one, and no images')
    if source.left_out:
        print(f'WARNING: {len(source.left_out)} images have another ending '
              f'than img_suffix, {source.left_out[0]} for one, and are left '
              'out. With img_suffix=None all usual endings are taken.')
    return source, names


def make(args: argparse.Namespace) -> None:
    source, classes = open_source(args)
    more = []
    if args.unlabeled_list:
        more = source.read_images(args.unlabeled_list)
    lists, manifest = make_split(
        source, args.count, args.fraction, args.val_count, args.val_fraction,
        args.balance, args.seed, classes, args.min_pixels, args.workers, more)
    told = describe_source(args, args.unlabeled_list)
    path = write_splits(args.out, lists, dict(source=told, **manifest),
                        source.folders, args.overwrite)
    report(path)


def extend(args: argparse.Namespace) -> None:
    made = read_manifest(Path(args.out)).get('source')
    # voc_sbd.py tells it in words.
    made = made if isinstance(made, dict) else {}
    check_same_source(args, made)
    source, classes = open_source(args)
    made_of = args.list or made.get('list')
    if made_of and not any(map(osp.isfile, (
            made_of, osp.join(source.root, made_of)))):
        raise ValueError(f'{args.out} was made of the list {made_of}, which '
                         'does not exist here; give it by --list')
    lists, manifest = extend_split(source, Path(args.out), classes, args.only,
                                   made_of)
    report(write_splits(args.out, lists, manifest, source.folders, True))


def describe_source(args: argparse.Namespace,
                    unlabeled_list: Optional[str]) -> Dict[str, Any]:
    told = dict(data_root=args.data_root, images=args.images,
                masks=args.masks, img_suffix=args.img_suffix,
                seg_map_suffix=args.seg_map_suffix, label_map=args.label_map,
                reduce_zero_label=args.reduce_zero_label,
                ignore_index=args.ignore_index)
    if args.config is not None:
        told = dict(config=args.config, dataset=args.dataset,
                    cfg_options=args.cfg_options, list=args.list)
    return dict(told, unlabeled_list=unlabeled_list)


def check_same_source(args: argparse.Namespace, made: Dict[str, Any]) -> None:
    """Images and masks must be found and read as when the lists were made."""
    now = describe_source(args, '')
    for name in sorted((set(now) & set(made)) - {
            'config', 'cfg_options', 'data_root', 'list', 'unlabeled_list'}):
        same = now[name] == made[name]
        if name in ('images', 'masks'):
            same = osp.normpath(now[name]) == osp.normpath(made[name])
        if name == 'label_map':
            same = sorted(now[name]) == sorted(made[name])
        if not same:
            option = name.replace('_', '-')
            raise ValueError(f'--{option} was {made[name]!r} when {args.out} '
                             f'was made, and is {now[name]!r} now; give the '
                             'same')


def report(path: Path) -> None:
    manifest = json.loads(path.read_text(encoding='utf-8'))
    for name, told in manifest['lists'].items():
        print(f'{path.parent / name}: {told["images"]} images')
    if not manifest['lists']['unlabeled.txt']['images']:
        print('WARNING: no image is unlabelled. Images without masks have to '
              'lie in the image folder of the data set, too.')
    labeled = manifest['lists']['labeled.txt']
    total = max(sum(labeled['class_pixels'].values()), 1)
    print('labelled, per class (images, share of the pixels):')
    for name, images in labeled['class_images'].items():
        share = labeled['class_pixels'][name] / total
        print(f'  {name}: {images}, {share:.2%}')
    known = manifest.get('all_masks', {}).get('class_images', {})
    absent = [
        name for name, images in labeled['class_images'].items() if not images
    ]
    nowhere = [name for name in absent if known.get(name) == 0]
    if nowhere:
        print(f'WARNING: no mask at all shows {listed(nowhere)}. If none '
              'ever will, take the class out of `classes`.')
    elsewhere = [name for name in absent if name not in nowhere]
    if elsewhere:
        print(f'WARNING: no labelled image shows {listed(elsewhere)}. '
              'Choose more images or another --seed, or label images that '
              'do.')
    val = manifest['lists'].get('val.txt', {}).get('class_images', {})
    unseen = [name for name, images in val.items()
              if not images and name not in nowhere]
    if unseen:
        print(f'WARNING: no image of val.txt shows {listed(unseen)}. The mIoU '
              'leaves these classes out, or takes 0 where they are '
              'predicted. Annotate more images, and set more of them apart.')
    if len(manifest['classes']) == 1:
        print('WARNING: the masks hold a single class. If they are 0/255, '
              'use --label-map 255:1.')
    print(f'manifest: {path}')


def infos_of_config(args: argparse.Namespace) -> Tuple[dict, dict, list]:
    cfg = read_config(args)
    nodes = dict(
        labeled=f'{args.dataset}.labeled',
        unlabeled=f'{args.dataset}.unlabeled',
        val='val_dataloader.dataset',
        test='test_dataloader.dataset')
    infos, names, files = {}, {}, []
    for role, key in nodes.items():
        leaves = list(leaf_configs(node_of(cfg, key, args.config), key))
        given = getattr(args, role, None)
        if given and len(leaves) > 1:
            raise ValueError(f'--{role} cannot replace the lists of '
                             f'{len(leaves)} datasets, which `{key}` has; '
                             'change ann_file of one with --cfg-options')
        for leaf, where in leaves:
            node = dict(leaf)
            if given:
                node['ann_file'] = str(Path(given).resolve())
            check_paths(node, where, masks=role != 'unlabeled')
            dataset = DATASETS.build(dict(node, lazy_init=True))
            find = getattr(dataset, 'find_data', dataset.load_data_list)
            infos.setdefault(role, []).extend(find())
            names.setdefault(role, []).append(
                f'`{where}` ({dataset.ann_file or dataset.data_prefix})')
            if dataset.ann_file:
                files.append(dataset.ann_file)
    names = {role: ', '.join(parts) for role, parts in names.items()}
    return infos, names, files


def infos_of_lists(args: argparse.Namespace) -> Tuple[dict, dict, list]:
    files = {}
    for role in ROLES:
        path = getattr(args, role)
        if path is None and args.folder is not None:
            path = str(Path(args.folder) / f'{role}.txt')
            if role == 'val' and not Path(path).is_file():
                continue
        if path is not None:
            files[role] = path
    if not files:
        raise ValueError('give a folder of lists, or --labeled, --unlabeled '
                         'or --val')
    infos = {}
    for role, path in files.items():
        common = dict(
            ann_file=str(Path(path).resolve()), data_root=args.data_root,
            lazy_init=True)
        if role == 'unlabeled':
            dataset = UnlabeledDataset(
                data_prefix=dict(img_path=args.images),
                img_suffix=args.img_suffix, **common)
        else:
            dataset = SplitSegDataset(
                data_prefix=dict(
                    img_path=args.images, seg_map_path=args.masks),
                img_suffix=args.img_suffix or '.jpg',
                seg_map_suffix=args.seg_map_suffix, **common)
        infos[role] = dataset.find_data()
    return infos, files, list(files.values())


def check(args: argparse.Namespace) -> int:
    problems = []
    try:
        infos, names, files = (infos_of_lists if args.config is None else
                               infos_of_config)(args)
    except (OSError, ValueError) as error:
        problems.append(str(error))
    else:
        for role, part in infos.items():
            masks = sum('seg_map_path' in info for info in part)
            print(f'{role}: {len(part)} images, {masks} masks, '
                  f'from {names[role]}')
        found = check_infos(infos, names)
        folders = {Path(file).parent for file in files}
        for folder in sorted(folders):
            problems += check_manifest(folder)
        problems += found['problems']
        for note in found['notes']:
            print(f'note: {note}')
    for problem in problems:
        print(f'PROBLEM: {problem}')
    print(f'{len(problems)} problem(s)')
    return int(bool(problems))


COMMANDS = dict(make=make, extend=extend)


def main() -> None:
    args = parse_args()
    init_default_scope('mmseg')
    if args.command == 'check':
        sys.exit(check(args))
    try:
        COMMANDS[args.command](args)
    except (OSError, ValueError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
