# Copyright (c) prcl_mmseg authors. All rights reserved.
from .camvid import CamVidDataset
from .demo import DemoSegDataset, generate_demo
from .label_check import check_class_count, check_labels, log_class_histogram
from .semi_dataset import SemiSegDataset
from .split_dataset import SplitSegDataset
from .split_list import SplitEntry, read_split
from .stock_splits import SplitCityscapesDataset, SplitVOCDataset
from .unlabeled_dataset import UnlabeledDataset

__all__ = [
    'CamVidDataset', 'DemoSegDataset', 'SemiSegDataset',
    'SplitCityscapesDataset', 'SplitEntry', 'SplitSegDataset',
    'SplitVOCDataset', 'UnlabeledDataset', 'check_class_count', 'check_labels',
    'generate_demo', 'log_class_histogram', 'read_split'
]
