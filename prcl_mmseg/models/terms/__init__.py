# Copyright (c) prcl_mmseg authors. All rights reserved.
from .term import Term, check_views
from .training_health import TrainingHealth
from .view_variance import ViewVariance

__all__ = ['Term', 'TrainingHealth', 'ViewVariance', 'check_views']
