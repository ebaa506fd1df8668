# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Which pixels of an unlabelled sample are image, and which are padding.

Transforms move a segmentation map with its image, and pad it with the label
that means nothing. So unlabelled images get a map that says "image"
everywhere, and what comes out of the pipeline tells where they ended up. No
mask is opened for it.
"""
import warnings
from itertools import takewhile
from typing import Any, Dict

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData

from .pipeline_check import find_image_loader, is_stock, leaf_datasets

# What the map says where there is image; padding is anything else.
_IMAGE = 254


class MarkImageArea(BaseTransform):
    """Gives a loaded image a ``gt_seg_map`` that says image everywhere."""

    def transform(self, results: dict) -> dict:
        """Add the map, as soon as there is an image."""
        if 'img' not in results or 'gt_seg_map' in results:
            return results
        results['gt_seg_map'] = np.full(results['img'].shape[:2], _IMAGE,
                                        np.uint8)
        results['seg_fields'] = [*results.get('seg_fields', ()), 'gt_seg_map']
        return results


def mark_image_area(dataset: Any) -> None:
    """Let the pipelines of unlabelled images mark them when they are loaded.

    Args:
        dataset (Dataset): The unlabelled dataset or a wrapper of datasets.
    """
    for leaf in leaf_datasets(dataset):
        transforms = getattr(getattr(leaf, 'pipeline', None), 'transforms', ())
        loading = [find_image_loader(leaf)]
        if loading[0] not in transforms:
            # No name says which one loads: one of the user's own in front.
            loading = list(
                takewhile(lambda item: not is_stock(item), transforms))
        for transform in loading:
            transforms.insert(
                transforms.index(transform) + 1, MarkImageArea())


def keep_image_area(sample: Dict[str, Any]) -> Dict[str, Any]:
    """Turn the map of a packed sample into ``image_area``.

    Where the whole sample is image, there is no need of it.

    Args:
        sample (dict): With ``inputs`` (C, H, W) and ``data_samples``, which
            get a bool map (1, H, W) and lose ``gt_sem_seg``.
    """
    packed = sample['data_samples']
    if 'gt_sem_seg' not in packed:
        return sample
    label = packed.gt_sem_seg.data
    del packed.gt_sem_seg
    area = label == _IMAGE
    if not area.any() and (label != label.flatten()[0]).any():
        # A transform replaced the map by a mask.
        return sample
    if area.shape[-2:] != sample['inputs'].shape[-2:]:
        warnings.warn(
            'A transform of `train_dataloader.dataset.unlabeled.pipeline` '
            'changes the size of images but not of `gt_seg_map`; what it pads '
            'is taken for image.')
    elif not area.all():
        packed.set_data(dict(image_area=PixelData(data=area)))
    return sample
