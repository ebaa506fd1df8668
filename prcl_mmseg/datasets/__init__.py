# Copyright (c) prcl_mmseg authors. All rights reserved.
from .camvid import CamVidDataset
from .data_check import check_data
from .demo import DemoSegDataset, generate_demo
from .image_check import check_images
from .label_check import check_class_count, check_labels, log_class_histogram
from .loading import LoadMultiChannelImage, LoadWideAnnotations
from .msrc import MSRCDataset
from .path_check import check_paths, leaf_configs
from .semi_dataset import SemiSegDataset
from .split_dataset import SplitSegDataset
from .split_list import SplitEntry, read_split
from .stock_splits import *  # noqa: F403
from .stock_splits import STOCK
from .unlabeled_dataset import UnlabeledDataset

__all__ = [
    'CamVidDataset', 'DemoSegDataset', 'LoadMultiChannelImage',
    'LoadWideAnnotations', 'MSRCDataset', 'SemiSegDataset', 'SplitEntry',
    'SplitSegDataset', 'UnlabeledDataset', 'check_class_count', 'check_data',
    'check_images', 'check_labels', 'check_paths', 'generate_demo',
    'leaf_configs', 'log_class_histogram', 'read_split'
] + [kind.__name__ for kind in STOCK]
