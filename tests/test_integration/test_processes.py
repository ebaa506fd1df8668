# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Two processes end together, go on together, and do not wait for ever."""
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
HOOKS = '''
import os
import signal
import time

import torch.distributed as dist
from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class TellOneHook(Hook):
    """Only one of the processes gets the signal."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 0 and dist.get_rank() == 1:
            os.kill(os.getpid(), signal.SIGUSR1)


@HOOKS.register_module()
class HangHook(Hook):

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 1 and dist.get_rank() == 1:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            time.sleep(600)
'''
# A training, one that is told to end, and its second half.
THREE_RUNS = '''
import sys

import torch.distributed as dist
from mmengine.config import Config
from mmengine.runner import Runner

import prcl_mmseg
from prcl_mmseg.engine.launch import adapt_to_run, leave_group

Config.pretty_text = property(str)
config, folder = sys.argv[1:]


def train(name, work, **options):
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(dict(options, work_dir=f'{folder}/{work}',
                             experiment_name=name))
    adapt_to_run(cfg, 'pytorch')
    runner = Runner.from_cfg(cfg)
    if name == 'told':
        from hooks import TellOneHook
        runner.register_hook(TellOneHook())
    try:
        runner.train()
    except SystemExit as end:
        print(f'{name} {dist.get_rank()}: {end.code} at {runner.iter + 1}',
              flush=True)


train('whole', 'whole')
train('told', 'cut')
train('resumed', 'cut', resume=True)
leave_group()
'''


def free_port() -> str:
    with socket.socket() as sock:
        sock.bind(('', 0))
        return str(sock.getsockname()[1])


def run(folder: Path, *command) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(part) for part in command],
        env={
            **os.environ, 'PYTHON': sys.executable,
            'OMP_NUM_THREADS': '1',
            'CUDA_VISIBLE_DEVICES': '',
            'PYTHONPATH': f'{folder}:{TOOLS.parent}',
            'PORT': free_port()
        },
        capture_output=True,
        text=True,
        timeout=600)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / 'hooks.py').write_text(HOOKS)
    (tmp_path / 'three_runs.py').write_text(THREE_RUNS)
    return tmp_path


def test_they_end_together_and_go_on_as_before(write_config, folder):
    result = run(folder, sys.executable, '-m', 'torch.distributed.run',
                 '--nproc_per_node=2', f'--master_port={free_port()}',
                 folder / 'three_runs.py', write_config(), folder)
    assert result.returncode == 0, result.stderr[-2000:]
    # The signal comes in the first iteration; all know of it in the second.
    for rank in (0, 1):
        assert f'told {rank}: 138 at 2' in result.stdout
    whole, cut = (
        torch.load(folder / work / 'iter_4.pth') for work in ('whole', 'cut'))
    assert whole['meta']['processes'] == 2
    assert whole['state_dict'].keys() == cut['state_dict'].keys()
    for name, value in whole['state_dict'].items():
        assert torch.equal(value, cut['state_dict'][name]), name


def test_one_that_hangs_is_given_up(write_config, folder):
    config = write_config(extra='''
custom_imports = dict(imports=['prcl_mmseg', 'hooks'])
custom_hooks = [*_base_.custom_hooks, dict(type='HangHook')]
''')
    result = run(folder, 'bash', TOOLS / 'dist_train.sh', config, 2,
                 '--work-dir', folder / 'work', '--cfg-options',
                 'env_cfg.dist_cfg.timeout=3')
    assert result.returncode != 0
    assert 'process 0 of 2 waited for another one in vain' in result.stderr
    assert 'env_cfg.dist_cfg.timeout=3.0 seconds' in result.stderr

