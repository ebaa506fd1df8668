# Copyright (c) prcl_mmseg authors. All rights reserved.
from mmseg.registry import DATASETS

from .split_dataset import SplitSegDataset


@DATASETS.register_module()
class CamVidDataset(SplitSegDataset):
    """CamVid road scenes with the 11 classes of the SegNet tutorial.

    Masks hold 0 to 10 in the order of ``METAINFO['classes']`` and 255 where a
    pixel has no class. Source: Brostow et al., "Semantic object classes in
    video", 2009; class selection: Badrinarayanan et al., "SegNet", 2017.
    """
    METAINFO = dict(
        classes=('Sky', 'Building', 'Pole', 'Road', 'Pavement', 'Tree',
                 'SignSymbol', 'Fence', 'Car', 'Pedestrian', 'Bicyclist'),
        palette=[[128, 128, 128], [128, 0, 0], [192, 192, 128],
                 [128, 64, 128], [60, 40, 222], [128, 128, 0],
                 [192, 128, 128], [64, 64, 128], [64, 0, 128], [64, 64, 0],
                 [0, 128, 192]])
