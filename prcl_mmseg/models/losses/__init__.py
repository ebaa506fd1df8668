# Copyright (c) prcl_mmseg authors. All rights reserved.
from .pseudo_label_loss import PseudoLabelLoss
from .ramps import Constant, GaussianRampDown, GaussianRampUp
from .thresholds import AdaptiveThreshold, FixedThreshold

__all__ = [
    'AdaptiveThreshold', 'Constant', 'FixedThreshold', 'GaussianRampDown',
    'GaussianRampUp', 'PseudoLabelLoss'
]
