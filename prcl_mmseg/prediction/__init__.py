# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Predictions of a folder of images as files, and as a table."""
from .class_names import check_class_names
from .output_names import output_names
from .prediction_files import (PARTS, PredictionFiles,
                               remove_predictions)
from .prediction_table import PredictionTable
from .same_run import check_same_run

__all__ = [
    'PARTS', 'PredictionFiles', 'PredictionTable', 'check_class_names',
    'check_same_run', 'output_names', 'remove_predictions'
]
