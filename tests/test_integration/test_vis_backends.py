# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Backends that other packages provide; those that are missing are skipped."""
from pathlib import Path

import pytest
from test_uncertainty_visualization import build_runner

HOOK = dict(type='UncertaintyVisualizationHook', interval=2)
LOGGED = {'loss_contrast', 'loss_pseudo', 'teacher/mIoU', 'mIoU'}


def train(config: str, work_dir: Path, backend: dict) -> None:
    build_runner(config, work_dir, [HOOK], **{
        'train_cfg.max_iters': 2,
        'train_cfg.val_interval': 2,
        'visualizer.vis_backends': [backend]
    }).train()


def test_wandb(write_config, tmp_path, monkeypatch):
    wandb = pytest.importorskip('wandb')
    monkeypatch.setenv('WANDB_SILENT', 'true')
    backend = dict(type='WandbVisBackend',
                   init_kwargs=dict(mode='offline', project='prcl'))
    logged, log = {}, wandb.Run.log

    def spy(run, data, *args, **kwargs):
        logged.update(data)
        return log(run, data, *args, **kwargs)

    monkeypatch.setattr(wandb.Run, 'log', spy)
    train(write_config(), tmp_path / 'work', backend)
    assert LOGGED <= set(logged)
    file, = (tmp_path / 'work').rglob('run-*.wandb')
    assert list(file.parent.glob('files/media/images/uncertainty_val*.png'))


def test_mlflow(write_config, tmp_path, monkeypatch):
    mlflow = pytest.importorskip('mlflow')
    store = (tmp_path / 'runs').as_uri()
    # Without SQL, for the package without extras.
    monkeypatch.setenv('MLFLOW_ALLOW_FILE_STORE', 'true')
    backend = dict(type='MLflowVisBackend', exp_name='prcl',
                   tracking_uri=store)
    try:
        train(write_config(), tmp_path / 'work', backend)
        run, = mlflow.search_runs(experiment_names=['prcl'],
                                  output_format='list')
    finally:
        mlflow.end_run()
    assert LOGGED <= set(run.data.metrics)
    assert list((tmp_path / 'runs').rglob('uncertainty_val_2.png'))
