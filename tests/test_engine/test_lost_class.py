# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A class that labelled masks show but nobody labels is reported."""
from types import SimpleNamespace
from unittest import mock

import pytest
import torch

from prcl_mmseg.engine import TrainingHealthHook
from prcl_mmseg.engine.hooks import training_health_hook

MASKS = [[9., 1.], [9., 0.]]


def reported(monkeypatch, masks: list, pseudo: list) -> list:
    """Classes that are reported, if this is seen by turns."""
    looks = [
        dict(labels=torch.tensor(masks[i % len(masks)]),
             pseudo_labels=torch.tensor(pseudo[i % len(pseudo)]))
        for i in range(6)
    ]
    term = SimpleNamespace(
        class_sums=SimpleNamespace(read=lambda: looks.pop(0)))
    monkeypatch.setattr(training_health_hook, 'terms_of', lambda _: [term])
    hook = TrainingHealthHook(interval=1, table_interval=0, patience=4,
                              collapse=0)
    runner = mock.Mock(iter=0, max_iters=6)
    runner.message_hub.log_scalars = {}
    runner.train_dataloader.dataset.metainfo = dict(classes=('a', 'b'))
    hook.before_train(runner)
    for runner.iter in range(6):
        hook.after_train_iter(runner, 0)
    return [call.args[0].split("'")[1]
            for call in runner.logger.warning.call_args_list]


@pytest.mark.parametrize('masks, pseudo, classes', [
    # A rare class is in some of the batches only.
    (MASKS, [[9., 0.]], ['b']),
    (MASKS, [[9., 0.], [8., 1.]], []),
    ([[9., 0.]], [[9., 0.]], []),
    ([[9., 1.]], [[9., 0.]], ['b'])])
def test_a_lost_class_is_reported_once(monkeypatch, masks, pseudo, classes):
    assert reported(monkeypatch, masks, pseudo) == classes
