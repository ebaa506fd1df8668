# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Optional

from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from .unwrap import optimizer_stepped, unwrap_model


@HOOKS.register_module()
class MeanTeacherHook(Hook):
    """Moves the teacher towards the student after each optimizer step.

    How far is the business of the averaged model, ``model.teacher``. Under
    gradient accumulation the teacher moves when the student has moved. Idle
    where the model has no teacher.
    """

    priority = 'NORMAL'

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: DATA_BATCH = None,
                         outputs: Optional[dict] = None) -> None:
        """Update the teacher."""
        model = unwrap_model(runner.model)
        if getattr(model, 'teacher', None) is not None and \
                optimizer_stepped(runner):
            model.update_teacher()
