# Copyright (c) prcl_mmseg authors. All rights reserved.
from .anchors import HardAnchors
from .mls_contrast_loss import MLSContrastLoss
from .negatives import (ContrastScene, Negatives, PixelNegatives,
                        PrototypeNegatives, VirtualNegatives)
from .pairwise_mls import pairwise_mls
from .pixel_groups import PixelGroups
from .pseudo_label_loss import PseudoLabelLoss
from .ramps import Constant, GaussianRampDown, GaussianRampUp

__all__ = [
    'Constant', 'ContrastScene', 'GaussianRampDown', 'GaussianRampUp',
    'HardAnchors', 'MLSContrastLoss', 'Negatives', 'PixelGroups',
    'PixelNegatives', 'PrototypeNegatives', 'PseudoLabelLoss',
    'VirtualNegatives', 'pairwise_mls'
]
