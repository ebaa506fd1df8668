# Copyright (c) prcl_mmseg authors. All rights reserved.
"""mmseg's data sets, read from the split lists in circulation."""
from mmseg.datasets import (ADE20KDataset, CityscapesDataset,
                            COCOStuffDataset, LoveDADataset, PascalVOCDataset)
from mmseg.registry import DATASETS

from .split_dataset import SplitSegDataset


@DATASETS.register_module()
class SplitVOCDataset(SplitSegDataset):
    """Pascal VOC 2012 with mmseg's classes and palette."""

    METAINFO = PascalVOCDataset.METAINFO


@DATASETS.register_module()
class SplitCityscapesDataset(SplitSegDataset):
    """Cityscapes with mmseg's 19 classes, palette and suffixes.

    Lists name the image, and maybe the mask
    (``..._gtFine_labelTrainIds.png``), of each line.
    """

    METAINFO = CityscapesDataset.METAINFO

    def __init__(self,
                 img_suffix: str = '_leftImg8bit.png',
                 seg_map_suffix: str = '_gtFine_labelTrainIds.png',
                 **kwargs) -> None:
        super().__init__(
            img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)


@DATASETS.register_module()
class SplitADE20KDataset(SplitSegDataset):
    """ADE20K with mmseg's 150 classes and palette.

    The masks hold 1 to 150, and 0 where a pixel has no class; hence
    ``reduce_zero_label=True``, which makes them 0 to 149 and 255.
    """

    METAINFO = ADE20KDataset.METAINFO

    def __init__(self, reduce_zero_label: bool = True, **kwargs) -> None:
        super().__init__(reduce_zero_label=reduce_zero_label, **kwargs)


@DATASETS.register_module()
class SplitCOCOStuffDataset(SplitSegDataset):
    """COCO-Stuff 164k with mmseg's 171 classes, palette and suffixes."""

    METAINFO = COCOStuffDataset.METAINFO

    def __init__(self,
                 seg_map_suffix: str = '_labelTrainIds.png',
                 **kwargs) -> None:
        super().__init__(seg_map_suffix=seg_map_suffix, **kwargs)


@DATASETS.register_module()
class SplitLoveDADataset(SplitSegDataset):
    """LoveDA with mmseg's 7 classes, palette and suffixes.

    The masks hold 1 to 7, and 0 where a pixel has no class; hence
    ``reduce_zero_label=True``, which makes them 0 to 6 and 255.
    """

    METAINFO = LoveDADataset.METAINFO

    def __init__(self,
                 img_suffix: str = '.png',
                 reduce_zero_label: bool = True,
                 **kwargs) -> None:
        super().__init__(
            img_suffix=img_suffix,
            reduce_zero_label=reduce_zero_label,
            **kwargs)
