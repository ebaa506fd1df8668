# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The command line tools, run as a user runs them."""
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import prcl_mmseg  # noqa: F401

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def run(*command, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(part) for part in command],
        env={
            **os.environ, 'PYTHON': sys.executable,
            'OMP_NUM_THREADS': '1',
            **environment
        },
        capture_output=True,
        text=True,
        timeout=600)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(('', 0))
        return sock.getsockname()[1]


def test_train_resume_and_test(write_config, tmp_path):
    warm_up = ("param_scheduler = [dict(type='LinearLR', start_factor=0.01, "
               'by_epoch=False, begin=0, end=50)]\n')
    config, work = write_config(extra=warm_up), tmp_path / 'work'
    trained = run(sys.executable, TOOLS / 'train.py', config, '--work-dir',
                  work, '--cfg-options', 'train_cfg.max_iters=2',
                  'train_cfg.val_interval=2')
    assert trained.returncode == 0, trained.stderr[-2000:]
    assert 'Effective batch: 2 labelled + 2 unlabelled' in trained.stdout
    assert ('In 2 iterations the network sees each labelled image 2 times '
            'and each unlabelled image 0.667 times') in trained.stdout
    # Not that of the first step of the warm-up.
    assert 'learning rate 0.01,' in trained.stdout
    assert 'teacher/mIoU' in trained.stdout

    resumed = run(sys.executable, TOOLS / 'train.py', config, '--work-dir',
                  work, '--resume')
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    assert 'Iter(train) [3/4]' in resumed.stdout
    assert 'Iter(train) [1/4]' not in resumed.stdout
    assert 'weights_only' not in resumed.stdout + resumed.stderr

    tested = run(sys.executable, TOOLS / 'test.py', config,
                 work / 'iter_4.pth', '--work-dir', tmp_path / 'test',
                 '--show-dir', tmp_path / 'painted',
                 '--out', tmp_path / 'masks', '--tta')
    assert tested.returncode == 0, tested.stderr[-2000:]
    assert 'mIoU' in tested.stdout
    assert len(list((tmp_path / 'masks').glob('*.png'))) == 3
    pictures = list((tmp_path / 'painted').rglob('*.png'))
    assert len(pictures) == 3
    assert f'Pictures: {pictures[0].parent}' in tested.stdout


KEEP_STATES = '''
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class KeepStateHook(Hook):
    def after_train(self, runner) -> None:
        torch.save(runner.model.module.state_dict(),
                   f'{runner.work_dir}/rank{get_rank()}.state')
'''
WITH_STATES = '''
custom_imports = dict(imports=['prcl_mmseg', 'keep_states'])
custom_hooks = [*_base_.custom_hooks, dict(type='KeepStateHook')]
'''


def test_two_processes_on_cpu(write_config, tmp_path):
    (tmp_path / 'keep_states.py').write_text(KEEP_STATES)
    trained = run(
        'bash',
        TOOLS / 'dist_train.sh',
        write_config(extra=WITH_STATES),
        2,
        '--work-dir',
        tmp_path / 'work',
        '--cfg-options',
        'model.terms.contrast.confidence_threshold=1.0',
        PORT=str(free_port()),
        PYTHONPATH=str(tmp_path),
        CUDA_VISIBLE_DEVICES='')
    assert trained.returncode == 0, trained.stderr[-2000:]
    assert 'Effective batch: 4 labelled + 4 unlabelled' in trained.stdout
    saved = torch.load(tmp_path / 'work' / 'iter_4.pth')['state_dict']
    # No pseudo-label is that sure, so the labelled images of both processes
    # count: 4 of them, of 4 x 4 embeddings, in each of 4 steps, less the
    # little that is forgotten.
    assert 250 < saved['terms.contrast.bank.count'].sum() <= 256
    # One teacher for all, so its batch norms must not be of one process.
    first, second = (torch.load(tmp_path / f'work/rank{rank}.state')
                     for rank in range(2))
    assert [name for name in first if not first[name].equal(second[name])
            ] == []


@pytest.mark.parametrize('tool, arguments, message', [
    ('train.py', ['missing.py'], "config 'missing.py' does not exist"),
    ('test.py', ['missing.py', 'missing.pth'],
     "checkpoint 'missing.pth' does not exist"),
])
def test_missing_files_are_named(tool, arguments, message):
    result = run(sys.executable, TOOLS / tool, *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert 'Traceback' not in result.stderr
