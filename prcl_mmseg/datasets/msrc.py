# Copyright (c) prcl_mmseg authors. All rights reserved.
from mmseg.registry import DATASETS

from .split_dataset import SplitSegDataset


@DATASETS.register_module()
class MSRCDataset(SplitSegDataset):
    """MSRC-v2: photographs with 21 classes.

    Masks hold 0 to 20 in the order of ``METAINFO['classes']`` and 255 where a
    pixel has no class. Source: Shotton et al., "TextonBoost", ECCV 2006.
    """
    METAINFO = dict(
        classes=('building', 'grass', 'tree', 'cow', 'sheep', 'sky',
                 'aeroplane', 'water', 'face', 'car', 'bicycle', 'flower',
                 'sign', 'bird', 'book', 'chair', 'road', 'cat', 'dog', 'body',
                 'boat'),
        palette=[[128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128],
                 [0, 128, 128], [128, 128, 128], [192, 0, 0], [64, 128, 0],
                 [192, 128, 0], [64, 0, 128], [192, 0, 128], [64, 128, 128],
                 [192, 128, 128], [0, 64, 0], [128, 64, 0], [0, 192, 0],
                 [128, 64, 128], [0, 192, 128], [128, 192, 128], [64, 64, 0],
                 [192, 64, 0]])
