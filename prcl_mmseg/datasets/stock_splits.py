# Copyright (c) prcl_mmseg authors. All rights reserved.
"""mmseg's data sets, read from the split lists in circulation."""
from mmseg.datasets import CityscapesDataset, PascalVOCDataset
from mmseg.registry import DATASETS

from .split_dataset import SplitSegDataset


@DATASETS.register_module()
class SplitVOCDataset(SplitSegDataset):
    """Pascal VOC 2012 with mmseg's classes and palette."""

    METAINFO = PascalVOCDataset.METAINFO


@DATASETS.register_module()
class SplitCityscapesDataset(SplitSegDataset):
    """Cityscapes with mmseg's classes and palette.

    Lists name image and mask (``..._gtFine_labelTrainIds.png``) per line.
    """

    METAINFO = CityscapesDataset.METAINFO
