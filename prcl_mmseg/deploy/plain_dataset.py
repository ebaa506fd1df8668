# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Data sets of this package as data sets that mmseg has itself."""
import copy
import inspect
import os.path as osp
from pathlib import Path
from typing import List, NamedTuple

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ..datasets.stock_splits import STOCK
from ..packages import OWN_PACKAGE, is_own
from .own_types import own_types


class NoPlainDataset(ValueError):
    """There is no data set of mmseg that reads the same images."""


class Layout(NamedTuple):
    """Where images and masks lie: folder, name and suffix of each.

    Args:
        image_folder (str): Folder of all images.
        mask_folder (str): Folder of all masks.
        image_suffix (str): What follows the name of an image.
        mask_suffix (str): What follows the name of a mask.
        names (list[str]): Names, the same for image and mask.
    """

    image_folder: str
    mask_folder: str
    image_suffix: str
    mask_suffix: str
    names: List[str]


def plain_dataset(dataset: dict, list_file: str) -> dict:
    """Config of a data set of mmseg with the same images, masks and classes.

    Data sets that are not of this package are returned as they are. Stock
    data sets with their own folders and lists become mmseg's class of them,
    for which no file is looked at. Others become a ``BaseSegDataset`` with a
    list of names, written to ``list_file``.

    Args:
        dataset (dict): Config of a data set.
        list_file (str): File for the names.

    Raises:
        NoPlainDataset: If there is none, or the images are not there to see.
    """
    kind = DATASETS.get(dataset['type'])
    if kind is None or not is_own(kind):
        inner = own_types(dataset, DATASETS)
        if inner:
            raise NoPlainDataset(
                f"{dataset['type']} wraps {', '.join(inner)} of {OWN_PACKAGE}")
        return copy.deepcopy(dataset)
    if kind in STOCK and _has_own_files(dataset, STOCK[kind]):
        return dict(copy.deepcopy(dataset), type=STOCK[kind].__name__)
    if not issubclass(kind, BaseSegDataset):
        raise NoPlainDataset(f"mmseg has nothing like {dataset['type']}")
    try:
        built = DATASETS.build({**dataset, 'pipeline': []})
    except FileNotFoundError as error:
        raise NoPlainDataset(
            f'its images have to be seen to list them ({error})') from error
    if built.label_map:
        reason = ('other numbers of the classes in its masks (label_map)'
                  if dataset.get('label_map') else
                  'a choice of the classes (metainfo.classes)')
        raise NoPlainDataset(
            f"{dataset['type']} has {reason}, "
            "which BaseSegDataset does not support")
    layout = find_layout([built.get_data_info(i) for i in range(len(built))])
    path = Path(list_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(layout.names) + '\n', encoding='utf-8')
    return dict(
        type='BaseSegDataset',
        ann_file=str(list_file),
        data_prefix=dict(
            img_path=layout.image_folder, seg_map_path=layout.mask_folder),
        img_suffix=layout.image_suffix,
        seg_map_suffix=layout.mask_suffix,
        metainfo={
            key: _as_lists(built.metainfo[key])
            for key in ('classes', 'palette') if key in built.metainfo
        },
        # Some classes have others by default than BaseSegDataset.
        ignore_index=built.ignore_index,
        reduce_zero_label=built.reduce_zero_label,
        pipeline=copy.deepcopy(dataset.get('pipeline', [])),
        **{key: dataset[key]
           for key in ('backend_args', 'test_mode') if key in dataset})


def find_layout(infos: List[dict]) -> Layout:
    """Express paths as folder + name + suffix, with one name for both.

    Args:
        infos (list[dict]): ``img_path`` and ``seg_map_path`` of each image.

    Raises:
        NoPlainDataset: If the paths don't follow such a scheme.
    """
    if not infos or any('seg_map_path' not in info for info in infos):
        raise NoPlainDataset('there are images without a mask')
    images = [info['img_path'] for info in infos]
    masks = [info['seg_map_path'] for info in infos]
    image_folder = osp.commonpath([osp.dirname(path) for path in images])
    mask_folder = osp.commonpath([osp.dirname(path) for path in masks])
    names, image_suffixes, mask_suffixes = [], set(), set()
    for image, mask in zip(images, masks):
        image = osp.relpath(image, image_folder or '.')
        mask = osp.relpath(mask, mask_folder or '.')
        name = osp.splitext(image)[0]
        if name != osp.splitext(mask)[0]:
            name = osp.commonprefix([image, mask])
        names.append(name)
        image_suffixes.add(image[len(name):])
        mask_suffixes.add(mask[len(name):])
    if len(image_suffixes) > 1 or len(mask_suffixes) > 1:
        raise NoPlainDataset(
            'images and masks are not named alike, but for one ending '
            f'(image: {sorted(image_suffixes)[:3]}, mask: '
            f'{sorted(mask_suffixes)[:3]})')
    return Layout(image_folder, mask_folder, image_suffixes.pop(),
                  mask_suffixes.pop(), names)


def _has_own_files(dataset: dict, stock: type) -> bool:
    """Whether mmseg's class finds the same images by itself."""
    ann_file = dataset.get('ann_file') or ''
    if ann_file and not ann_file.startswith('ImageSets/'):
        return False
    # What was added to its arguments, and values that it would not take.
    if dataset.get('label_map') or dataset.get('img_suffix', '') is None:
        return False
    own = inspect.signature(stock).parameters
    needs_list = 'ann_file' in own and own['ann_file'].default is own[
        'ann_file'].empty
    return bool(ann_file) or not needs_list


def _as_lists(value):
    if isinstance(value, (list, tuple)):
        return [_as_lists(item) for item in value]
    return value
