# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Hooks of every method do nothing where there is nothing for them to do."""
from unittest import mock

import pytest
from mmseg.registry import MODELS
from tiny import NUM_CLASSES, segmentor

from prcl_mmseg.engine import (MeanTeacherHook, PrototypeBankHook,
                               TrainingHealthHook)

HOOKS = (MeanTeacherHook(), PrototypeBankHook(log_interval=1),
         TrainingHealthHook(interval=1, table_interval=1, patience=1))


@pytest.mark.parametrize('hook', HOOKS, ids=lambda hook: type(hook).__name__)
@pytest.mark.parametrize('model', [
    segmentor(),
    dict(type='SemiSegmentor', segmentor=segmentor(), num_classes=NUM_CLASSES)
], ids=lambda model: model['type'])
def test_neither_teacher_nor_bank_nor_pseudo_labels(model, hook):
    runner = mock.Mock(model=MODELS.build(model), iter=0, max_iters=4)
    runner.optim_wrapper._accumulative_counts = 1
    runner.message_hub.log_scalars = {}
    before = {
        name: value.clone()
        for name, value in runner.model.state_dict().items()
    }
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    hook.after_train_iter(runner, 0)
    after = runner.model.state_dict()
    assert before.keys() == after.keys()
    assert all(value.equal(after[name]) for name, value in before.items())
    assert not runner.message_hub.update_scalar.called
    assert not runner.logger.method_calls
    assert not runner.visualizer.method_calls
