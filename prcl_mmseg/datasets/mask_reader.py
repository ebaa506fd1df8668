# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Any, List, Optional, Tuple

import numpy as np

from .check_cache import CheckCache
from .image_check import image_size
from .mask_file import refuse_cut_labels
from .pipeline_check import find_image_loader, find_mask_loader


class MaskReader:
    """Counts the pixels of each label in the masks of a dataset.

    Args:
        dataset: A labelled mmseg dataset.
        key (str): Where its config stands, for messages.
        cache (CheckCache, optional): Spares a second look at files that have
            not changed. Defaults to None.

    Raises:
        ValueError: If the pipeline loads no masks.
    """

    def __init__(self,
                 dataset: Any,
                 key: str,
                 cache: Optional[CheckCache] = None) -> None:
        self.loader = find_mask_loader(dataset)
        self.image_loader = find_image_loader(dataset)
        self.cache = CheckCache() if cache is None else cache
        if self.loader is None:
            raise ValueError(
                f'The pipeline of the labelled {type(dataset).__name__} '
                f'(`{key}.pipeline`) loads no masks. Add '
                "dict(type='LoadAnnotations') after "
                "dict(type='LoadImageFromFile').")

    def __call__(self, info: dict) -> Tuple[List[int], List[int]]:
        """The labels of a mask as it is loaded, and the pixels of each.

        Args:
            info (dict): The data info of the image.

        Raises:
            ValueError: If there is no mask, it cannot be read, is not a
                single channel, loses bits when it is loaded, or is of another
                size than its image; names the file.
        """
        if info.get('seg_map_path') is None:
            raise ValueError(
                f'The labelled image {info.get("img_path")} has no mask. Add '
                'a mask column to the list or set '
                "`data_prefix['seg_map_path']`.")
        files = [info['seg_map_path'], info.get('img_path')]
        # repr() tells the settings of a transform.
        kind = (f'mask {self.loader!r} {self.image_loader!r} '
                f'{info.get("label_map")} {info.get("reduce_zero_label")}')
        known = self.cache.get(kind, files)
        if known is None:
            known = self._read(info)
            self.cache.put(kind, files, known)
        return known

    def _read(self, info: dict) -> Tuple[List[int], List[int]]:
        mask = _load_mask(self.loader, info)
        if self.image_loader is not None:
            _check_size(mask, info, image_size(self.image_loader, info))
        values, counts = np.unique(mask, return_counts=True)
        return values.tolist(), counts.tolist()


def _check_size(mask: np.ndarray, info: dict, size: Tuple[int, int]) -> None:
    if mask.shape != size:
        raise ValueError(
            f'The mask {info["seg_map_path"]} is {mask.shape[0]} x '
            f'{mask.shape[1]} (height x width), but its image '
            f'{info["img_path"]} is {size[0]} x {size[1]}. They must be of '
            'the same size: correct the file, or the list or folders that '
            'pair them. (An image with an EXIF rotation is turned when it is '
            'loaded, its mask is not: store it upright.)')


def _load_mask(loader: Any, info: dict) -> np.ndarray:
    path = info['seg_map_path']
    refuse_cut_labels(path, loader)
    try:
        mask = np.asarray(loader(dict(info))['gt_seg_map'])
    except Exception as error:
        raise ValueError(
            f'The mask {path} cannot be read by {type(loader).__name__} '
            f'({type(error).__name__}: {error}). Replace the file or set '
            '`imdecode_backend` of that transform.') from error
    if mask.ndim != 2:
        raise ValueError(
            f'The mask {path} has shape {mask.shape}, but a mask holds one '
            'class number per pixel, shape (height, width). Convert colours '
            'by tools/dataset_converters/to_masks.py.')
    return mask
