# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Checkpoints know whether their σ² finds errors; training does not notice."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.apis import init_model

from prcl_mmseg.deploy.published_checkpoint import publish
from prcl_mmseg.engine.hooks import uncertainty_check_hook
from prcl_mmseg.visualization import (ErrorFinding, find_errors, load_items,
                                      predict_panels, recorded_finding)


def train(config: str, work_dir: Path, check: bool = True,
          **options) -> Runner:
    cfg = Config.fromfile(config)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = cfg.visualizer.name = str(work_dir)
    left_out = ['PreflightHook', 'ReproducibleStepHook']
    left_out += [] if check else ['UncertaintyCheckHook']
    cfg.custom_hooks = [
        hook for hook in cfg.custom_hooks if hook['type'] not in left_out
    ]
    cfg.merge_from_dict(options)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def saved(work_dir: Path, step: int = 4) -> dict:
    return torch.load(work_dir / f'iter_{step}.pth', weights_only=True)


def test_every_checkpoint_has_the_finding_of_its_weights(
        write_config, tmp_path):
    config = write_config()
    runner = train(config, tmp_path / 'work')
    dataset = runner.val_loop.dataloader.dataset
    for step in (2, 4):
        model = init_model(
            config, str(tmp_path / f'work/iter_{step}.pth'), 'cpu')
        panels = predict_panels(model, load_items(dataset, 16))
        expected = find_errors(panels, 3)
        assert expected.images == 3
        checkpoint = saved(tmp_path / 'work', step)
        found = recorded_finding(checkpoint, model)
        assert found == pytest.approx(expected, abs=0.01)
        published = publish(checkpoint['state_dict'], checkpoint['meta'],
                            str(tmp_path / 'given_away.pth'))
        published = torch.load(published, weights_only=True)
        assert recorded_finding(published, model) == found
        model.predict_with = 'student'
        assert recorded_finding(checkpoint, model) is None


def test_training_is_not_disturbed(write_config, tmp_path):
    config, states = write_config(), []
    for check in (True, False):
        work_dir = tmp_path / str(check)
        train(config, work_dir, check)
        states.append(saved(work_dir)['state_dict'])
        assert ('uncertainty' in saved(work_dir)['meta']) == check
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


@pytest.mark.parametrize('variance', [17.0, 80.0])
def test_inverted_variance_is_warned_of(write_config, tmp_path, monkeypatch,
                                        variance):
    monkeypatch.setattr(uncertainty_check_hook, 'find_errors',
                        lambda *_: ErrorFinding(variance, 88.0, 16))
    train(write_config(), tmp_path / 'work', **{'train_cfg.max_iters': 2})
    log = next((tmp_path / 'work').rglob('*.log')).read_text()
    warned = 'σ² is inverted: AUROC 17.0 % (chance 50 %, softmax 88.0 %)'
    assert (warned in log) == (variance < 50)
    assert ('variance_summary, which needs no new' in log) == (variance < 50)


@pytest.mark.parametrize('method, options', [
    ('mean_teacher', {}),
    ('prcl', dict(val_dataloader=None, val_cfg=None, val_evaluator=None)),
])
def test_idle_without_variance_or_validation(write_config, tmp_path, method,
                                             options):
    config = write_config(
        method, extra='\n'.join(f'{key} = {value}'
                                for key, value in options.items()))
    train(config, tmp_path / 'work', **{'train_cfg.max_iters': 2})
    assert 'uncertainty' not in saved(tmp_path / 'work', 2)['meta']
