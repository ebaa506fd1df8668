# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What the log of a real training says of its health."""
import json
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.runner import Runner

import prcl_mmseg  # noqa: F401


def train(path: str, work_dir, hook: dict, **options) -> str:
    """Train with the hook set so; what the log says."""
    cfg = Config.fromfile(path)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = str(work_dir)
    # Visualizers are kept by name.
    cfg.visualizer.name = str(work_dir)
    cfg.merge_from_dict(options)
    for settings in cfg.custom_hooks:
        if settings['type'] == 'TrainingHealthHook':
            settings.update(hook)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return next(work_dir.glob('*/*.log')).read_text()


def warnings(log: str) -> list:
    return [line for line in log.splitlines() if ' - WARNING - ' in line]


@pytest.mark.parametrize('method', ['prcl', 'prcl_unimatch_v2'])
def test_log_and_backends_get_the_classes(write_config, tmp_path, method):
    log = train(write_config(method), tmp_path / 'work',
                dict(interval=2, table_interval=2))
    tables = re.findall(r'Classes in the last 2 iterations:\n(.*?)\n(.*?)\n',
                        log)
    assert len(tables) == 2
    for column in ('labelled %', 'pseudo-labelled %', 'anchors per step',
                   'pixel σ²', 'prototype σ²'):
        assert column in tables[0][0]
    assert tables[0][1].split()[0] == 'ground'
    iterations = [
        line for line in log.splitlines() if 'Iter(train)' in line
    ]
    for name in ('gradient_pseudo', 'gradient_contrast',
                 'pseudo_label_classes'):
        assert name in iterations[1] and name in iterations[3]
    scalars = [
        json.loads(line) for line in next(
            tmp_path.glob('work/*/vis_data/scalars.json')).read_text()
        .splitlines()
    ]
    # Only a validation has no 'iter'.
    assert all('iter' in scalar for scalar in scalars
               if not scalar.keys() & {'mIoU'})
    shares = [
        scalar['health/labelled_percent/ground'] for scalar in scalars
        if 'health/labelled_percent/ground' in scalar
    ]
    assert len(shares) == 2 and all(20 < share < 100 for share in shares)
    assert not [line for line in warnings(log) if 'iterations' in line]


@pytest.mark.parametrize('method', ['fixmatch', 'mean_teacher', 'unimatch'])
def test_strategies_are_watched_without_a_contrast(write_config, tmp_path,
                                                   method):
    log = train(
        write_config(method), tmp_path / 'work',
        dict(interval=3, table_interval=1000))
    # A table at the end, whatever the interval.
    assert 'pseudo-labelled %' in log and 'anchors per step' not in log
    assert 'gradient_pseudo' in log and 'gradient_contrast' not in log
    logged = MessageHub.get_current_instance().log_scalars
    assert 1 <= logged['train/pseudo_label_classes'].current() <= 3


def test_a_loss_that_stays_zero_is_reported_once(write_config, tmp_path):
    log = train(
        write_config(), tmp_path / 'work', dict(interval=1, patience=2),
        **{'model.strategy.loss.threshold': 1.0})
    about = [line for line in warnings(log) if 'loss_pseudo was' in line]
    assert len(about) == 1
    assert 'model.strategy.loss.threshold' in about[0]
    assert not [line for line in warnings(log) if 'loss_contrast was' in line]


def test_a_collapse_of_the_pseudo_labels_is_reported(write_config, tmp_path,
                                                     monkeypatch):
    from prcl_mmseg.models import Labeler
    label = Labeler.__call__

    def collapsed(self, model, images, data_samples):
        weak = label(self, model, images, data_samples)
        weak.label[:] = 1
        return weak

    monkeypatch.setattr(Labeler, '__call__', collapsed)
    log = train(
        write_config(), tmp_path / 'work',
        dict(interval=1, patience=3, collapse=0.9))
    found = warnings(log)
    assert sum('have collapsed to 1.0 effective' in line
               for line in found) == 1
    # Padding of the labelled masks aside, both other classes are gone.
    for name in ('ground', 'bar'):
        about, = [line for line in found if f"as class '{name}'" in line]
        assert 'model.strategy.labeler.prototype_weight=1.0' in about
    assert not [line for line in found if "as class 'disc'" in line]


def test_supervised_training_has_nothing_to_watch(write_config, tmp_path):
    log = train(
        write_config('supervised'), tmp_path / 'work',
        dict(interval=1, table_interval=1, patience=2))
    assert 'labelled %' not in log and 'gradient_' not in log
    assert not [line for line in warnings(log) if 'iterations' in line]


def test_effective_classes():
    from prcl_mmseg.engine.hooks.training_health_hook import \
        _effective_classes
    assert _effective_classes(torch.tensor([5., 5, 5, 5])) == pytest.approx(4)
    assert _effective_classes(torch.tensor([7., 0, 0])) == pytest.approx(1)


@pytest.mark.parametrize('size', [1, 2])
def test_a_lone_image_that_should_be_mixed_is_reported(write_config, tmp_path,
                                                       size):
    log = train(
        write_config('mean_teacher'), tmp_path / 'work', {}, **{
            'train_dataloader.batch_size': size,
            'train_cfg.max_iters': 1
        })
    about = [line for line in warnings(log) if 'cannot mix images' in line]
    assert len(about) == (size == 1)
    assert all('train_dataloader.batch_size' in line for line in about)
