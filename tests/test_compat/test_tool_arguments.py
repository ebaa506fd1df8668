# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What the tools make of their arguments, without starting a run."""
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from mmengine.config import Config

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def load_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f'prcl_tool_{name}', TOOLS / f'{name}.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


@pytest.fixture(autouse=True)
def same_path(monkeypatch) -> None:
    """The tools put the project on ``sys.path``."""
    monkeypatch.setattr(sys, 'path', list(sys.path))


@pytest.mark.parametrize('words, outcome', [
    ([], 'has checkpoints of an earlier training'),
    (['--overwrite'], (False, None)),
    (['--resume', '--overwrite'], 'give one of them'),
    (['--resume'], 'no checkpoint that can be resumed'),
    (['--resume', '--cfg-options', 'load_from=a.pth'], (True, 'a.pth')),
    (['--cfg-options', 'resume=True', 'load_from=a.pth'], (True, 'a.pth')),
    (['--cfg-options', 'load_from=a.pth'], 'earlier training'),
])
def test_a_work_dir_with_checkpoints(tmp_path, words, outcome):
    """None is lost unless that is said."""
    (tmp_path / 'iter_2.pth').write_bytes(b'torn')
    train = load_tool('train')
    options = dict(
        word.split('=') for word in words if not word.startswith('--'))
    args = SimpleNamespace(
        resume='--resume' in words,
        overwrite='--overwrite' in words,
        cfg_options=options)
    cfg = Config(dict(work_dir=str(tmp_path), **options))
    if isinstance(outcome, tuple):
        assert train.find_start(args, cfg)[:2] == outcome
    else:
        with pytest.raises(ValueError, match=outcome):
            train.find_start(args, cfg)
    assert (tmp_path / 'iter_2.pth').exists()


def test_amp_keeps_what_the_wrapper_has():
    cfg = Config(dict(optim_wrapper=dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1),
        clip_grad=dict(max_norm=1))))
    load_tool('train').enable_amp(cfg)
    assert cfg.optim_wrapper == dict(
        type='AmpOptimWrapper', optimizer=dict(type='SGD', lr=0.1),
        clip_grad=dict(max_norm=1), loss_scale='dynamic')


@pytest.mark.parametrize('gpu, wrapper, message', [
    (False, 'OptimWrapper', '--amp needs a GPU'),
    (True, 'ApexOptimWrapper', "optim_wrapper.type='ApexOptimWrapper'"),
])
def test_amp_that_cannot_work(tmp_path, monkeypatch, capsys, gpu, wrapper,
                              message):
    config = tmp_path / 'config.py'
    config.write_text(
        'model = train_cfg = dict()\n'
        'train_dataloader = dict(dataset=dict())\n'
        f'optim_wrapper = dict(type={wrapper!r}, optimizer=dict())')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    monkeypatch.setenv('LOCAL_RANK', '0')
    monkeypatch.setattr(sys, 'argv', ['train.py', str(config), '--amp'])
    with pytest.raises(SystemExit):
        load_tool('train').parse_args()
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('settings, message', [
    ('tta_model = dict()', '--tta needs tta_pipeline in'),
    ('', '--tta needs tta_pipeline and tta_model in'),
    ('tta_model = tta_pipeline = dict()', 'test_dataloader is missing in'),
    ('tta_model = tta_pipeline = test_dataloader = dict()\n'
     'test_evaluator = None', 'test_evaluator is missing in'),
])
def test_what_is_not_configured(tmp_path, monkeypatch, capsys, settings,
                                message):
    (tmp_path / 'config.py').write_text(f'a = 1\n{settings}\n')
    (tmp_path / 'iter_1.pth').touch()
    monkeypatch.setenv('LOCAL_RANK', '0')
    monkeypatch.setattr(sys, 'argv', [
        'test.py', str(tmp_path / 'config.py'), str(tmp_path / 'iter_1.pth'),
        '--tta'])
    with pytest.raises(SystemExit):
        load_tool('test').parse_args()
    assert message in capsys.readouterr().err
