# Copyright (c) prcl_mmseg authors. All rights reserved.
from .term import Term
from .training_health import TrainingHealth

__all__ = ['Term', 'TrainingHealth']
