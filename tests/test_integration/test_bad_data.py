# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Faulty files before, in and after a training."""
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

import prcl_mmseg  # noqa: F401


class CutHook(Hook):
    """Cuts an image off, after the check of all files."""

    def __init__(self, path) -> None:
        self.path = path

    def before_train_epoch(self, runner) -> None:
        self.path.write_bytes(self.path.read_bytes()[:99])


class NoStepHook(Hook):
    """Fails a test that gets as far as a step."""

    def before_train_iter(self, *args, **kwargs) -> None:
        pytest.fail('a step was taken')

    before_test_iter = before_train_iter


@pytest.fixture
def scenes(scene_folder, tmp_path):
    """A copy of the data that a test may spoil."""
    return shutil.copytree(scene_folder, tmp_path / 'scenes')


@pytest.fixture
def runner(write_config, scenes, tmp_path):
    """Make the runner of a training with the mean teacher."""

    def runner(**options) -> Runner:
        cfg = Config.fromfile(write_config('mean_teacher', data=scenes))
        cfg.work_dir = str(tmp_path / 'work')
        cfg.experiment_name = str(tmp_path)
        cfg.merge_from_dict(options)
        return Runner.from_cfg(cfg)

    return runner


def log_of(runner: Runner) -> str:
    return next(
        path.read_text() for path in
        Path(runner.log_dir).glob('*.log'))


def test_a_file_that_breaks_during_training(runner, scenes):
    training = runner()
    training.register_hook(CutHook(scenes / 'images/unlabeled3.png'))
    training.train()
    assert training.iter == 4
    log = log_of(training)
    assert log.count('images/unlabeled3.png cannot be read') == 1
    assert '1 of at most 10' in log


def test_a_limit_of_broken_files(runner, scenes):
    training = runner(**{'train_dataloader.dataset.max_bad_files': 0})
    training.register_hook(CutHook(scenes / 'images/unlabeled3.png'))
    with pytest.raises(ValueError, match='unlabeled3.png.*max_bad_files'):
        training.train()


def test_all_parts_are_checked_before_the_first_step(runner, scenes):
    for name in ('unlabeled4', 'val0'):
        path = scenes / f'images/{name}.png'
        path.write_bytes(path.read_bytes()[:-20])
    cv2.imwrite(str(scenes / 'masks/val1.png'), np.full((32, 32), 9, np.uint8))
    training = runner()
    training.register_hook(NoStepHook())
    with pytest.raises(ValueError) as error:
        training.train()
    for told in ('images/unlabeled4.png', 'images/val0.png',
                 'masks/val1.png holds the values 9',
                 '`val_dataloader.dataset`: 2 file(s)'):
        assert told in str(error.value)


def test_validation_images_in_training_are_told(runner, scenes):
    shutil.copy(scenes / 'images/val2.png', scenes / 'images/unlabeled5.png')
    training = runner()
    training.train()
    log = log_of(training)
    assert '1 of 3 images of `val_dataloader.dataset` are in ' \
           '`train_dataloader.dataset.unlabeled` as well' in log
    kept = json.loads((scenes.parent / 'work/data_check.json').read_text())
    assert sum(map(len, kept['results'].values())) == 2 + 3


def test_test_data_are_checked(runner, scenes):
    (scenes / 'masks/val1.png').write_bytes(b'no image')
    testing = runner()
    testing.register_hook(NoStepHook())
    with pytest.raises(ValueError,
                       match='`test_dataloader.dataset`: .*1 file.*\n.*val1'):
        testing.test()
