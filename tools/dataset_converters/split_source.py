# Copyright (c) prcl_mmseg authors. All rights reserved.
"""All images of a data set, with and without masks, to make splits of."""
import copy
import os.path as osp
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from prcl_mmseg.datasets import (SplitEntry, SplitSegDataset, UnlabeledDataset,
                                 check_paths, read_split)
from prcl_mmseg.datasets.folder_scan import scan_images
from prcl_mmseg.datasets.label_check import class_pixels
from prcl_mmseg.datasets.output_folder import separate_roots
from prcl_mmseg.datasets.split_list import IMAGE_SUFFIXES

_NOT_PILLOW = ('.npy', '.tif', '.tiff')


class SplitSource:
    """The images below a root that splits can be made of.

    Args:
        dataset (BaseSegDataset): Describes classes and pipeline; its data
            infos are replaced by ``infos``.
        infos (list[dict]): Data infos of all images. A mask that doesn't
            exist makes the image one that can only be unlabelled.
        root (str): What the paths in the lists are relative to.
        mask_column (bool): Whether lists shall name masks. Defaults to True.
        left_out (Sequence[str]): Images of other endings than the data set
            takes. Defaults to ().

    Files that are the mask of an image are no images themselves, where both
    lie in one folder.

    Attributes:
        masks_beside_images (list[str]): These files.

    Raises:
        FileNotFoundError: If there is no image, or none with a mask.
        ValueError: If two images have one mask.
    """

    def __init__(self,
                 dataset: BaseSegDataset,
                 infos: List[dict],
                 root: str,
                 mask_column: bool = True,
                 left_out: Sequence[str] = ()) -> None:
        self.left_out = left_out
        self.root = root or osp.curdir
        # Where nothing is written.
        self.folders = sorted({
            osp.dirname(info[key]) for info in infos
            for key in ('img_path', 'seg_map_path') if info.get(key)
        }.union(separate_roots([self.root])))
        infos = sorted(infos, key=lambda info: info['img_path'])
        masked, bare = [], []
        for info in infos:
            has_mask = osp.isfile(info.get('seg_map_path') or '')
            (masked if has_mask else bare).append(info)
        masks = {
            info['seg_map_path'] for info in masked
            if info['seg_map_path'] != info['img_path']
        }
        self.masks_beside_images = [
            info['img_path'] for info in infos if info['img_path'] in masks]
        masked, bare = ([info for info in part
                         if info['img_path'] not in masks]
                        for part in (masked, bare))
        self._dataset = _with_infos(dataset, masked)
        self._counted: Dict[int, np.ndarray] = {}
        self.masked = [
            SplitEntry(
                self._relative(info['img_path']),
                self._relative(info['seg_map_path']) if mask_column else None)
            for info in masked
        ]
        self.bare = [
            SplitEntry(self._relative(info['img_path'])) for info in bare
        ]
        by_mask: Dict[str, str] = {}
        for info in masked:
            other = by_mask.setdefault(info['seg_map_path'], info['img_path'])
            if other != info['img_path']:
                raise ValueError(
                    f'{other} and {info["img_path"]} have the same mask, '
                    f'{info["seg_map_path"]}. Rename or remove one of the '
                    'images, or set img_suffix to the ending of the right '
                    'ones.')
        if not masked:
            wanted = infos[0].get('seg_map_path') if infos else None
            raise FileNotFoundError(
                f'{len(infos)} images were found below {self.root}, but none '
                'that has a mask' +
                (f': {wanted} does not exist, for one' if wanted else '') +
                '. Correct the folders and suffixes of images and masks.')

    @property
    def classes(self) -> Sequence[str]:
        """Sequence[str]: The classes that the data set names."""
        return self._dataset.metainfo.get('classes') or ()

    def class_pixels(self,
                     num_classes: int,
                     indices: Optional[np.ndarray] = None,
                     workers: int = 4) -> np.ndarray:
        """Read masks and count the pixels of each class.

        Args:
            num_classes (int): Number of classes.
            indices (np.ndarray, optional): Which of the images with masks.
                Defaults to None, all.
            workers (int): Number of threads. Defaults to 4.

        Returns:
            np.ndarray: Shape (number of masks, num_classes), int64.

        Raises:
            ValueError: As :func:`prcl_mmseg.datasets.check_labels`.
        """
        if indices is None and num_classes in self._counted:
            return self._counted[num_classes]
        infos = self._dataset.data_list
        if indices is not None:
            infos = [infos[index] for index in indices]

        def count(part: List[dict]) -> List[np.ndarray]:
            counted = class_pixels(
                _with_infos(self._dataset, part), num_classes,
                self._dataset.ignore_index)
            return [pixels for _, pixels in counted]

        size = max(1, -(-len(infos) // max(workers, 1)))
        parts = [infos[i:i + size] for i in range(0, len(infos), size)]
        with ThreadPoolExecutor(max(workers, 1)) as pool:
            rows = [row for rows in pool.map(count, parts) for row in rows]
        counted = np.array(rows, np.int64).reshape(-1, num_classes)
        if indices is None:
            self._counted[num_classes] = counted
        return counted

    def read_images(self, list_file: str) -> List[SplitEntry]:
        """Read the images of a list.

        Args:
            list_file (str): A list, below the root or below the working
                directory.

        Returns:
            list[SplitEntry]: The images, without masks.

        Raises:
            ValueError: If the data set can't tell where listed images are.
        """
        if not isinstance(self._dataset, SplitSegDataset):
            raise ValueError(
                f'A {type(self._dataset).__name__} cannot read {list_file}; '
                'use a SplitSegDataset.')
        below = osp.join(self.root, list_file)
        entries = read_split(below if osp.isfile(below) else list_file)
        try:
            infos = [self._dataset.data_info(entry) for entry in entries]
        except ValueError as error:
            raise ValueError(f'{list_file}: {error}') from error
        return [SplitEntry(self._relative(info['img_path'])) for info in infos]

    def _relative(self, path: str) -> str:
        path = osp.relpath(path, self.root).replace(osp.sep, '/')
        if path.startswith('../'):
            raise ValueError(f'{path} lies outside the data root {self.root}; '
                             'lists hold paths below it.')
        return path


def source_of_folders(root: str,
                      images: str = 'images',
                      masks: str = 'masks',
                      img_suffix: Optional[str] = None,
                      seg_map_suffix: str = '.png',
                      num_classes: int = 256,
                      **settings: Any) -> SplitSource:
    """The images of a folder, with those masks that exist.

    Args:
        root (str): Folder of both.
        images (str): Folder of the images below ``root``.
        masks (str): Folder of the masks below ``root``, with the same
            subfolders and names.
        img_suffix (str, optional): End of the images' names. Defaults to
            None, any usual image suffix.
        seg_map_suffix (str): End of the masks' names. Defaults to '.png'.
        num_classes (int): Number of classes. Defaults to 256, all that masks
            can hold.
        **settings: Others of :class:`SplitSegDataset`: ``label_map``,
            ``reduce_zero_label``, ``ignore_index``.

    Returns:
        SplitSource: The images.

    Raises:
        FileNotFoundError: If a folder does not exist or there is no mask.
    """
    images, masks = map(osp.normpath, (images, masks))
    found = UnlabeledDataset(
        data_root=root,
        data_prefix=dict(img_path=images),
        img_suffix=img_suffix,
        serialize_data=False)
    paths = [info['img_path'] for info in found.data_list]
    loaders = [dict(type='LoadWideAnnotations')]
    if not any(path.lower().endswith(_NOT_PILLOW) for path in paths):
        loaders.insert(0, dict(type='LoadImageFromFile'))
    dataset = SplitSegDataset(
        data_root=root,
        data_prefix=dict(img_path=images, seg_map_path=masks),
        img_suffix=img_suffix or IMAGE_SUFFIXES[0],
        seg_map_suffix=seg_map_suffix,
        metainfo=dict(classes=[str(c) for c in range(num_classes)]),
        pipeline=loaders,
        lazy_init=True,
        **settings)
    return SplitSource(dataset, [
        dataset.data_info(SplitEntry(osp.relpath(path, root)))
        for path in paths
    ], root)


def source_of_config(config: Dict[str, Any],
                     key: str,
                     list_file: str = '',
                     mask_column: bool = True) -> SplitSource:
    """The images of an mmseg dataset config.

    Args:
        config (dict): Config of a dataset. Of a SemiSegDataset its labelled
            part is taken, from the folders instead of its list.
        key (str): Where it stands, for messages.
        list_file (str): List of the images to take, instead of the folders
            of a SemiSegDataset or the config's own list. Defaults to ''.
        mask_column (bool): Whether lists shall name masks. Defaults to True.

    Returns:
        SplitSource: The images.

    Raises:
        FileNotFoundError: If a folder or list does not exist.
        ValueError: If the config is a wrapper of several datasets.
    """
    config = copy.deepcopy(config)
    if config.get('type') == 'SemiSegDataset':
        key = f'{key}.labeled'
        config = config['labeled']
        config['ann_file'] = list_file
    elif list_file:
        config['ann_file'] = list_file
    if 'dataset' in config or 'datasets' in config:
        raise ValueError(
            f'`{key}` is a {config["type"]}, a wrapper of datasets. Name one '
            f'dataset in it, as in {key}.dataset or {key}.datasets.0.')
    check_paths(config, key, masks=False)
    dataset = DATASETS.build(dict(config, lazy_init=True))
    left_out = []
    if isinstance(dataset, SplitSegDataset):
        infos = dataset.find_data()
        if not dataset.ann_file:
            left_out = _other_endings(dataset)
    else:
        infos = dataset.load_data_list()
    return SplitSource(dataset, infos, dataset.data_root, mask_column,
                       left_out)


def _other_endings(dataset: SplitSegDataset) -> List[str]:
    """Images that only differ in their ending from those of a data set."""
    images, masks = (osp.realpath(dataset.data_prefix.get(name) or '')
                     for name in ('img_path', 'seg_map_path'))
    suffix = dataset.img_suffix or ''
    if suffix.lower() not in IMAGE_SUFFIXES or osp.commonpath(
            [images, masks]) == images:
        return []
    return [path for path in scan_images(images) if not path.endswith(suffix)]


def _with_infos(dataset: BaseSegDataset, infos: List[dict]) -> BaseSegDataset:
    dataset = copy.copy(dataset)
    dataset.data_list = infos
    dataset.serialize_data = False
    dataset._fully_initialized = True
    return dataset
