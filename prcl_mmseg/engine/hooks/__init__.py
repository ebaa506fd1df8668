# Copyright (c) prcl_mmseg authors. All rights reserved.
from .channels_last_hook import ChannelsLastHook
from .check_finite_hook import CheckFiniteHook
from .mean_teacher_hook import MeanTeacherHook
from .preflight_hook import PreflightHook
from .prototype_bank_hook import PrototypeBankHook
from .reproducible_step_hook import ReproducibleStepHook
from .resident_memory_hook import ResidentMemoryHook
from .running_stats_hook import RunningStatsHook
from .training_health_hook import TrainingHealthHook
from .uncertainty_visualization_hook import UncertaintyVisualizationHook

__all__ = [
    'ChannelsLastHook', 'CheckFiniteHook', 'MeanTeacherHook', 'PreflightHook',
    'PrototypeBankHook', 'ReproducibleStepHook', 'ResidentMemoryHook',
    'RunningStatsHook', 'TrainingHealthHook', 'UncertaintyVisualizationHook'
]
