# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A plain config of a segmentor is fitted to the data that it will see."""
from .segmentor import adapt_segmentor
from .timm_levels import explain_weights

__all__ = ['adapt_segmentor', 'explain_weights']
