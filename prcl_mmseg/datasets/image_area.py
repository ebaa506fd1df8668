# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Which pixels of an unlabelled sample are image, and which are padding.

Transforms move a segmentation map with its image, and pad it with the label
that means nothing. So unlabelled images get a map that says "image"
everywhere, and what comes out of the pipeline tells where they ended up. No
mask is opened for it.
"""
import warnings
from typing import Any, Dict

import numpy as np
from mmcv.transforms import BaseTransform

from .pipeline_check import find_image_loader, leaf_datasets

# What the map says where there is image; padding is anything else.
IMAGE = 1


class MarkImageArea(BaseTransform):
    """Gives a loaded image a ``gt_seg_map`` of :data:`IMAGE`."""

    def transform(self, results: dict) -> dict:
        """Add the map."""
        results['gt_seg_map'] = np.full(results['img'].shape[:2], IMAGE,
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
        loader = find_image_loader(leaf)
        for index, transform in enumerate(transforms):
            if transform is loader:
                transforms.insert(index + 1, MarkImageArea())
                break


def keep_padding_only(sample: Dict[str, Any]) -> Dict[str, Any]:
    """A packed sample, without its map where that says nothing.

    Args:
        sample (dict): With ``inputs`` (C, H, W) and ``data_samples``.
    """
    packed = sample['data_samples']
    if 'gt_sem_seg' not in packed:
        return sample
    area = packed.gt_sem_seg.data[0]
    fits = area.shape == sample['inputs'].shape[-2:]
    if not fits:
        warnings.warn(
            'A transform of `train_dataloader.dataset.unlabeled.pipeline` '
            'changes the size of images but not of `gt_seg_map`; what it pads '
            'is taken for image.')
    if not fits or (area == IMAGE).all():
        del packed.gt_sem_seg
    return sample
