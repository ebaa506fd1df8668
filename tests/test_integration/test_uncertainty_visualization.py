# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Pictures while training and from a checkpoint; σ² scored by the tools."""
import json
import runpy
import subprocess
import sys
from pathlib import Path
from unittest import mock

import cv2
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from prcl_mmseg.engine import UncertaintyVisualizationHook

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
HOOK = dict(
    type='UncertaintyVisualizationHook',
    interval=3,
    num_val=2,
    num_unlabeled=2)


def build_runner(path: str, work_dir, hooks: list = (), **options) -> Runner:
    cfg = Config.fromfile(path)
    cfg.work_dir = str(work_dir)
    # Visualizers are shared by name.
    cfg.experiment_name = cfg.visualizer.name = str(work_dir)
    # Without ReproducibleStepHook any extra random number would show.
    cfg.custom_hooks = [
        hook for hook in cfg.custom_hooks
        if hook['type'] not in ('PreflightHook', 'ReproducibleStepHook')
    ] + list(hooks)
    cfg.merge_from_dict(options)
    return Runner.from_cfg(cfg)


def pictures(work_dir) -> dict:
    return {path.name: path for path in Path(work_dir).rglob('*.png')}


def test_draws_without_disturbing_the_training(write_config, tmp_path):
    path, states = write_config(), []
    for name, hooks in (('plain', []), ('drawn', [HOOK])):
        runner = build_runner(path, tmp_path / name, hooks)
        runner.train()
        states.append(runner.model.state_dict())
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    drawn = pictures(tmp_path / 'drawn')
    assert set(drawn) == {
        f'uncertainty_{split}_{step}.png'
        for split in ('val', 'unlabeled') for step in (3, 4)
    }
    val, unlabeled = (
        cv2.imread(str(drawn[f'uncertainty_{split}_4.png']))
        for split in ('val', 'unlabeled'))
    # Truth and error are known of validation images only.
    assert val.shape[1] > 1.4 * unlabeled.shape[1]
    assert (val != cv2.imread(str(drawn['uncertainty_val_3.png']))).any()
    assert not pictures(tmp_path / 'plain')


@pytest.mark.parametrize('method', ['mean_teacher', 'fixmatch', 'supervised'])
def test_draws_segmentors_without_variance(write_config, tmp_path, method):
    runner = build_runner(
        write_config(method), tmp_path / 'work', [dict(HOOK, num_val=1)],
        **{'train_cfg.max_iters': 1})
    runner.train()
    assert 'uncertainty_val_1.png' in pictures(tmp_path / 'work')


def test_tensorboard(write_config, tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing import event_accumulator
    cfg_options = {
        'train_cfg.max_iters': 1,
        'visualizer.vis_backends': [dict(type='TensorboardVisBackend')]
    }
    runner = build_runner(write_config(), tmp_path / 'work', [HOOK],
                          **cfg_options)
    runner.train()
    events = event_accumulator.EventAccumulator(
        str(next((tmp_path / 'work').rglob('events*')).parent))
    events.Reload()
    assert {'uncertainty_val', 'uncertainty_unlabeled'
            } <= set(events.Tags()['images'])


def test_only_the_first_process_draws():
    runner = mock.Mock()
    with mock.patch('mmengine.dist.utils.get_rank', return_value=1):
        hook = UncertaintyVisualizationHook(interval=1)
        hook.before_train(runner)
        hook.after_train_iter(runner, 0)
    assert not runner.mock_calls


def test_wrong_settings(write_config, tmp_path):
    with pytest.raises(ValueError, match='num_val=0'):
        UncertaintyVisualizationHook(num_val=0, num_unlabeled=0)
    runner = build_runner(
        write_config(), tmp_path / 'work', [HOOK], val_cfg=None,
        val_dataloader=None, val_evaluator=None)
    with pytest.raises(ValueError, match='set val_dataloader'):
        runner.train()


@pytest.fixture
def checkpoint(write_config, tmp_path) -> tuple:
    config = write_config(extra='''
test_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU']),
    dict(type='UncertaintyMetric', edge_width=1)
]
''')
    build_runner(config, tmp_path / 'work',
                 **{'train_cfg.max_iters': 2}).train()
    return config, tmp_path / 'work' / 'iter_2.pth'


def test_test_tool_scores_the_variance(checkpoint, tmp_path):
    tested = subprocess.run(
        [sys.executable, TOOLS / 'test.py', *checkpoint, '--work-dir',
         tmp_path / 'test'],
        capture_output=True,
        text=True,
        timeout=600)
    assert tested.returncode == 0, tested.stderr[-2000:]
    scores = json.loads(
        next((tmp_path / 'test').rglob('20*.json')).read_text())
    for name in ('mIoU', 'AUROC/variance', 'AUROC/softmax', 'AURC/entropy',
                 'variance/edge', 'variance/interior'):
        assert name in scores
    assert 0 <= scores['AUROC/variance'] <= 100


@pytest.fixture
def draw(monkeypatch):
    """Run the drawing tool in this process."""

    def run(*arguments) -> None:
        tool = TOOLS / 'analysis_tools' / 'visualize_uncertainty.py'
        monkeypatch.setattr(sys, 'argv', [str(tool), *map(str, arguments)])
        runpy.run_path(str(tool), run_name='__main__')

    return run


def test_drawing_tool(checkpoint, scene_folder, draw, tmp_path, capsys):
    draw(*checkpoint, '--images', scene_folder / 'images', '--out',
         tmp_path / 'folder.png', '--max-images', 5, '--rows', 3)
    assert 'folder_2.png' in capsys.readouterr().out
    sheets = [
        cv2.imread(str(tmp_path / f'folder_{page}.png')) for page in (1, 2)
    ]
    assert sheets[0].shape[0] > sheets[1].shape[0]
    draw(*checkpoint, '--split', 'unlabeled', '--role', 'student', '--out',
         tmp_path / 'unlabeled.png')
    draw(*checkpoint, '--out', tmp_path / 'val.png')
    widths = [
        cv2.imread(str(tmp_path / f'{name}.png')).shape[1]
        for name in ('unlabeled', 'val')
    ]
    assert widths[1] > 1.4 * widths[0]


@pytest.mark.parametrize('arguments, message', [
    (['none.pth'], "checkpoint 'none.pth' does not exist"),
    ([__file__, '--images', 'nowhere'], "'nowhere' is no folder"),
    ([__file__, '--out', 'a.jpg'], "'a.jpg' must end with .png"),
    ([__file__, '--max-images', '0'], 'at least 1'),
])
def test_wrong_arguments_are_named(write_config, draw, capsys, arguments,
                                   message):
    with pytest.raises(SystemExit):
        draw(write_config(), *arguments)
    assert message in capsys.readouterr().err
