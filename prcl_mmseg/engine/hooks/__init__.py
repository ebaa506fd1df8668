# Copyright (c) prcl_mmseg authors. All rights reserved.
from .channels_last_hook import ChannelsLastHook
from .check_finite_hook import CheckFiniteHook
from .checkpoint_hook import CheckpointHook
from .mean_teacher_hook import MeanTeacherHook
from .preflight_hook import PreflightHook
from .prototype_bank_hook import PrototypeBankHook
from .reproducible_step_hook import ReproducibleStepHook
from .resident_memory_hook import ResidentMemoryHook
from .resume_hook import ResumeHook
from .running_stats_hook import RunningStatsHook
from .save_on_signal_hook import SaveOnSignalHook
from .training_health_hook import TrainingHealthHook
from .uncertainty_check_hook import UncertaintyCheckHook
from .uncertainty_visualization_hook import UncertaintyVisualizationHook

__all__ = [
    'ChannelsLastHook', 'CheckFiniteHook', 'CheckpointHook', 'MeanTeacherHook',
    'PreflightHook', 'PrototypeBankHook', 'ReproducibleStepHook',
    'ResidentMemoryHook', 'ResumeHook', 'RunningStatsHook', 'SaveOnSignalHook',
    'TrainingHealthHook', 'UncertaintyCheckHook',
    'UncertaintyVisualizationHook'
]
