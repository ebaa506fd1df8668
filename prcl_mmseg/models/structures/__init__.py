# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What travels through a training step."""
from .class_sums import ClassSums, sum_by_class
from .nested import map_tensors, tensors_of
from .network_output import NetworkOutput, as_multiclass, pick_images
from .view import IGNORE_INDEX, View, image_slices

__all__ = [
    'ClassSums', 'IGNORE_INDEX', 'NetworkOutput', 'View', 'as_multiclass',
    'image_slices', 'map_tensors', 'pick_images', 'sum_by_class', 'tensors_of'
]
