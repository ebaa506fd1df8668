# Copyright (c) prcl_mmseg authors. All rights reserved.
from .feature_perturbation import (ChannelDropout, ComplementaryDropout,
                                   FeaturePerturbation)
from .labeler import Labeler
from .strategy import Strategy
from .weak_to_strong import WeakToStrong

__all__ = [
    'ChannelDropout', 'ComplementaryDropout', 'FeaturePerturbation',
    'Labeler', 'Strategy', 'WeakToStrong'
]
