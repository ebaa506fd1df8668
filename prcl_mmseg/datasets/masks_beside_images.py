# Copyright (c) prcl_mmseg authors. All rights reserved.
import os.path as osp
from typing import Any, List, Sequence

from .pipeline_check import leaf_datasets
from .split_dataset import SplitSegDataset


def masks_among(paths: Sequence[str], labeled: Any) -> List[str]:
    """Those files that are no images but masks.

    Args:
        paths (Sequence[str]): Files that were found in a folder.
        labeled (Dataset): Finds its masks by names, or lists them; a
            dataset or a wrapper of datasets. Those that do not read lists
            are not asked.

    Returns:
        list[str]: The masks that it has, or would have for the other files.
    """
    masks = set()
    places = {path: osp.abspath(path) for path in paths}
    for leaf in leaf_datasets(labeled):
        if not isinstance(leaf, SplitSegDataset):
            continue
        listed = {
            osp.abspath(info['seg_map_path']): info['img_path']
            for info in map(leaf.get_data_info, range(len(leaf)))
            if info.get('seg_map_path')
        }
        masks.update(listed)
        # Where its list names the masks, their names may follow no rule.
        if not any(
                osp.abspath(leaf.mask_of(image) or '') == mask
                for mask, image in listed.items()):
            continue
        folder = leaf.data_prefix.get('img_path') or leaf.data_root or ''
        for path, place in places.items():
            name = osp.relpath(path, folder or osp.curdir)
            # There are masks by names, so each file has a place for one.
            mask = osp.abspath(leaf.mask_of(osp.join(folder, name)))
            if mask != place:
                masks.add(mask)
    return [path for path in paths if places[path] in masks]
