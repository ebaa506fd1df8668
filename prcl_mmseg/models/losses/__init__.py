# Copyright (c) prcl_mmseg authors. All rights reserved.
from .anchors import Anchors, HardAnchors
from .clustered_mls import clustered_mls
from .mls_contrast_loss import MLSContrastLoss
from .negatives import (ContrastScene, Negatives, NegativeScores,
                        PixelNegatives, PrototypeNegatives, VirtualNegatives)
from .pairwise_mls import pairwise_mls
from .pixel_groups import PixelGroups
from .pseudo_label_loss import PseudoLabelLoss
from .ramps import Constant, GaussianRampDown, GaussianRampUp

__all__ = [
    'Anchors', 'Constant', 'ContrastScene', 'GaussianRampDown',
    'GaussianRampUp', 'HardAnchors', 'MLSContrastLoss', 'NegativeScores',
    'Negatives', 'PixelGroups', 'PixelNegatives', 'PrototypeNegatives',
    'PseudoLabelLoss', 'VirtualNegatives', 'clustered_mls', 'pairwise_mls'
]
