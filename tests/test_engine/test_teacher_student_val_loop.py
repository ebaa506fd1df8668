# Copyright (c) prcl_mmseg authors. All rights reserved.
import logging
from types import SimpleNamespace

import pytest
import torch

from prcl_mmseg.engine.runner import TeacherStudentValLoop


@pytest.mark.parametrize('name', ['mIoU', 'mDice', 'val/mFscore'])
@pytest.mark.parametrize('teacher, student, told', [
    (50.0, 53.5, True), (50.0, 51.0, False), (53.5, 50.0, False),
    (None, 53.5, False)])
def test_a_teacher_that_lags_is_told(teacher, student, told, name, caplog):
    scores = dict(teacher=teacher, student=student)
    loop = TeacherStudentValLoop.__new__(TeacherStudentValLoop)
    loop._runner = SimpleNamespace(logger=logging.getLogger('lag'))
    loop._dataloader = SimpleNamespace(dataset=range(3))
    loop.dataloader = loop._dataloader
    loop.model = SimpleNamespace(predicting_role='teacher')
    loop.evaluators = {
        role: SimpleNamespace(evaluate=lambda size, score=score: {
            name: score, 'mAcc': 9.0}) for role, score in scores.items()
        if score is not None}
    metrics = loop._evaluate()
    assert metrics[f'student/{name}'] == student
    assert metrics.get(name) == teacher
    better = {key: value for key, value in metrics.items() if 'better' in key}
    assert better == (
        {f'better/{name}': max(teacher, student)} if teacher else {})
    said = [record.getMessage() for record in caplog.records
            if record.levelno == logging.WARNING]
    assert bool(said) == told
    if told:
        assert f'{name} 53.50 and 50.00' in said[0]
        assert f"save_best='student/{name}'" in said[0]
        assert 'model.teacher.momentum' in said[0]


def test_a_model_without_a_teacher_is_told():
    runner = SimpleNamespace(model=torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match="Linear; set val_cfg=.*'ValLoop'"):
        TeacherStudentValLoop(runner, dataloader=[], evaluator=[])
