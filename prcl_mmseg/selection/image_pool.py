# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Which images could be labelled next, and how they are loaded."""
import os.path as osp
from typing import Any, List, NamedTuple, Optional, Tuple

from mmengine.config import Config
from mmengine.dataset import Compose

from ..datasets import UnlabeledDataset
from ..datasets.file_check import require_files
from ..datasets.image_area import mark_image_area
from ..datasets.masks_beside_images import masks_among
from ..datasets.path_check import build_dataset
from ..datasets.pipeline_check import (augmentations, leaf_datasets,
                                       maskless_pipeline)
from ..datasets.unlabeled_dataset import file_identity

_KEY = 'train_dataloader.dataset'


class PoolImage(NamedTuple):
    """An image of a data set.

    Args:
        dataset (Dataset): Loads it.
        index (int): Its number there.
        path (str): Its file.
    """

    dataset: Any
    index: int
    path: str

    def load(self) -> dict:
        """The sample that the pipeline makes of it."""
        return self.dataset.prepare_data(self.index)


class ImagePool(NamedTuple):
    """The images of a config, as far as they matter for what to label.

    Args:
        candidates (list[PoolImage]): Unlabelled ones, none of them twice.
        labeled (list[PoolImage]): Those that have labels.
        left_out (int): How many unlabelled images are no candidates, since
            they have labels, are those of the validation, or are masks.
        folders (list[str]): ``data_root`` of all data sets, and the folders
            of the masks.
        root (str, optional): What the paths in lists are relative to; None
            if labelled and unlabelled data have no common ``data_root``.
    """

    candidates: List[PoolImage]
    labeled: List[PoolImage]
    left_out: int
    folders: List[str]
    root: Optional[str]


def loading_pipeline(cfg: Config, views: bool) -> Tuple[list, int]:
    """The transforms of the test, without those that load masks.

    Args:
        cfg (Config): Has ``test_pipeline`` or ``test_dataloader``, and
            maybe ``tta_pipeline``.
        views (bool): Take ``tta_pipeline``.

    Returns:
        tuple[list, int]: The transforms, and how many augmentations
        ``tta_pipeline`` makes of an image.

    Raises:
        ValueError: If there is no pipeline of the test.
    """
    augmented = Compose([])
    if cfg.get('tta_pipeline'):
        augmented = maskless_pipeline(cfg, tta=True)
    number = len(augmentations(augmented))
    if views:
        return augmented.transforms, number
    return maskless_pipeline(cfg).transforms, number


def find_pool(cfg: Config, pipeline: list,
              folder: Optional[str] = None) -> ImagePool:
    """Find the images of a config and look whether their files are whole.

    Args:
        cfg (Config): Its ``train_dataloader.dataset`` has the parts
            'labeled' and 'unlabeled', or is a labelled data set itself.
        pipeline (list): Transforms that load the images.
        folder (str, optional): Take the images of this folder, subfolders
            included, instead of the unlabelled ones. Defaults to None.

    Raises:
        FileNotFoundError: If a list, folder or file does not exist.
        ValueError: If there is no unlabelled image, or files are damaged;
            names them.
    """
    config = (cfg.get('train_dataloader') or {}).get('dataset')
    if config is None:
        raise ValueError(f'`{_KEY}` is missing in the config; it names the '
                         'images that have labels')
    key = f'{_KEY}.labeled' if 'labeled' in config else _KEY
    labeled = build_dataset(config.get('labeled', config), key)
    unlabeled, told = _unlabeled(config, folder)
    val = (cfg.get('val_dataloader') or {}).get('dataset')
    val = build_dataset(
        val, 'val_dataloader.dataset', masks=False) if val else []
    images = _images(unlabeled, pipeline)
    if not images:
        raise ValueError(f'{told} holds no image')
    known = _images(labeled, pipeline)
    taken = {
        file_identity(image.path)
        for image in known + (_images(val, pipeline) if val else [])
    }
    paths = [image.path for image in images]
    for part in filter(None, (labeled, val)):
        taken.update(map(file_identity, masks_among(paths, part)))
    candidates = []
    for image in images:
        place = file_identity(image.path)
        if place not in taken:
            taken.add(place)
            candidates.append(image)
    for part in (unlabeled, labeled):
        require_files(part, told if part is unlabeled else key)
    roots, others = (list({leaf.data_root or ''
                           for leaf in leaf_datasets(part)})
                     for part in (labeled, unlabeled))
    # Images of a folder may lie below the data set's root or not.
    common = set(roots if folder is not None else roots + others)
    masks = {
        osp.dirname(leaf.get_data_info(index).get('seg_map_path') or '')
        for leaf in leaf_datasets(labeled) for index in range(len(leaf))
    }
    return ImagePool(candidates, known, len(images) - len(candidates),
                     [*roots, *others, *masks],
                     common.pop() if len(common) == 1 else None)


def _unlabeled(config: dict, folder: Optional[str]) -> Tuple[Any, str]:
    """The unlabelled data set, and its name for messages."""
    if folder is not None:
        return UnlabeledDataset(data_root=folder), f'--images {folder!r}'
    key = f'{_KEY}.unlabeled'
    if config.get('unlabeled') is None:
        raise ValueError(f'`{key}` is missing in the config; give the folder '
                         'of the unlabelled images by --images')
    return build_dataset(config['unlabeled'], key, masks=False), f'`{key}`'


def _images(dataset: Any, pipeline: list) -> List[PoolImage]:
    """The images of a data set, which are loaded by another pipeline."""
    leaves = leaf_datasets(dataset)
    for leaf in leaves:
        leaf.pipeline = Compose(pipeline)
    mark_image_area(dataset)
    return [
        PoolImage(leaf, index,
                  leaf.get_data_info(index)['img_path']) for leaf in leaves
        for index in range(len(leaf))
    ]
