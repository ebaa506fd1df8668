# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Bad input ends in one clear error before the first iteration."""
import shutil

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

import prcl_mmseg  # noqa: F401


class NoIterationHook(Hook):
    """Fails the test if training gets as far as an iteration."""

    def before_train_iter(self, *args, **kwargs) -> None:
        pytest.fail('an iteration was started')


@pytest.fixture
def train(tmp_path):

    def train(path: str, **options) -> None:
        cfg = Config.fromfile(path)
        cfg.work_dir = str(tmp_path / 'work')
        cfg.experiment_name = str(tmp_path)
        cfg.merge_from_dict(options)
        runner = Runner.from_cfg(cfg)
        runner.register_hook(NoIterationHook())
        runner.train()

    return train


@pytest.fixture
def scenes(scene_folder, tmp_path):
    """A copy of the data that a test may spoil."""
    folder = tmp_path / 'scenes'
    shutil.copytree(scene_folder, folder)
    return folder


def assert_names(error: pytest.ExceptionInfo, *parts: str) -> None:
    for part in parts:
        assert part in str(error.value), (part, str(error.value))


def test_unknown_class_count(write_config, train):
    path = write_config(extra='\nmodel["num_classes"] = None\n')
    with pytest.raises(ValueError) as error:
        train(path)
    assert_names(error, 'model.num_classes', 'None', 'number of classes')


def test_class_counts_of_model_and_data_differ(write_config, train):
    with pytest.raises(ValueError) as error:
        train(write_config(), **{'model.num_classes': 4})
    assert_names(error, 'num_classes', '4', 'classes', '3')


def test_list_names_a_missing_file(write_config, train, scenes):
    with open(scenes / 'unlabeled.txt', 'a') as file:
        file.write('\nimages/nowhere.png')
    with pytest.raises(FileNotFoundError) as error:
        train(write_config(data=scenes))
    assert_names(error, 'unlabeled.txt', 'images/nowhere.png')


def test_label_outside_the_classes(write_config, train, scenes):
    cv2.imwrite(
        str(scenes / 'masks/labeled1.png'), np.full((32, 32), 7, np.uint8))
    with pytest.raises(ValueError) as error:
        train(write_config(data=scenes))
    assert_names(error, 'masks/labeled1.png', '7')


def test_empty_labelled_set(write_config, train, scenes):
    (scenes / 'labeled.txt').write_text('\n')
    with pytest.raises(ValueError) as error:
        train(write_config(data=scenes))
    assert_names(error, 'train_dataloader.dataset.labeled', 'labeled.txt')


def test_head_without_the_named_layer(write_config, train):
    with pytest.raises(ValueError) as error:
        train(write_config(),
              **{'model.terms.contrast.head.feature_layer': 'fusion'})
    assert_names(error, 'contrast.head.feature_layer', 'fusion', 'FCNHead',
                 'conv_seg')


def test_unlabelled_pipeline_that_wants_masks(write_config, train):
    extra = ('\ntrain_dataloader["dataset"]["unlabeled"]["pipeline"] = '
             'labeled_pipeline\n')
    with pytest.raises(ValueError) as error:
        train(write_config(extra=extra))
    assert_names(error, 'train_dataloader.dataset.unlabeled.pipeline',
                 'LoadAnnotations')


def test_a_labeller_that_is_not_there(write_config, train):
    with pytest.raises(ValueError) as error:
        train(write_config('mean_teacher'), **{'model.teacher': None})
    assert_names(error, "strategy.labeler.network='teacher'", "['student']",
                 'EMATeacher')


def test_prototypes_that_are_not_there(write_config, train):
    with pytest.raises(ValueError) as error:
        train(write_config('mean_teacher'),
              **{'model.strategy.labeler.prototype_weight': 1.0})
    assert_names(error, 'strategy.labeler.prototype_weight=1.0', 'contrast',
                 'PrototypeContrast')
