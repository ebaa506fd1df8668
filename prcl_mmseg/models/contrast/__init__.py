# Copyright (c) prcl_mmseg authors. All rights reserved.
from .anchors import Anchors, HardAnchors
from .class_evidence import ClassEvidence
from .clustered_mls import clustered_mls
from .mls_contrast_loss import MLSContrastLoss
from .negatives import (ContrastScene, Negatives, NegativeScores,
                        PixelNegatives, PrototypeNegatives, VirtualNegatives)
from .pairwise_mls import pairwise_mls
from .pixel_groups import PixelGroups
from .prototype_bank import PrototypeBank
from .prototype_contrast import PrototypeContrast
from .similarity import MutualLikelihood

__all__ = [
    'Anchors', 'ClassEvidence', 'ContrastScene', 'HardAnchors',
    'MLSContrastLoss', 'MutualLikelihood', 'NegativeScores', 'Negatives',
    'PixelGroups', 'PixelNegatives', 'PrototypeBank', 'PrototypeContrast',
    'PrototypeNegatives', 'VirtualNegatives', 'clustered_mls', 'pairwise_mls'
]
