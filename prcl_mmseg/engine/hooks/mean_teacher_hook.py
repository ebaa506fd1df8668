# Copyright (c) prcl_mmseg authors. All rights reserved.
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from .after_step_hook import AfterStepHook
from .unwrap import unwrap_model


@HOOKS.register_module()
class MeanTeacherHook(AfterStepHook):
    """Moves the teacher towards the student after each optimizer step.

    How far is the business of the averaged model, ``model.teacher``. Idle
    where the model has no teacher.
    """

    priority = 'NORMAL'

    def after_step(self, runner: Runner) -> None:
        """Update the teacher."""
        model = unwrap_model(runner.model)
        if getattr(model, 'teacher', None) is not None:
            model.update_teacher()
