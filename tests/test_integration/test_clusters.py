# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The recipes of docs/clusters.md, on one machine without GPUs."""
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from test_processes import free_port

ROOT = Path(__file__).resolve().parents[2]
CONFIG = 'configs/prcl/prcl_r101_voc_1-16.py'
# What ends a process once, or tells it to end, before its third iteration.
HOOK = '''
custom_imports = dict(imports=['prcl_mmseg', 'once'],
                      allow_failed_imports=False)
custom_hooks = [*_base_.custom_hooks, dict(type='OnceHook')]
'''
ONCE = '''
import os
import signal
from pathlib import Path

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

DO = {do!r}


@HOOKS.register_module()
class OnceHook(Hook):

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        done = Path({folder!r}) / 'done'
        if runner.iter == 2 and get_rank() == 0 and not done.exists():
            done.touch()
            if DO == 'die':
                os._exit(1)
            os.kill(os.getpid(), signal.SIGUSR1)
'''


def recipe(title: str) -> str:
    page = (ROOT / 'docs/clusters.md').read_text(encoding='utf-8')
    return re.search(rf'\n## {title}\n.*?```bash\n(.*?)```', page,
                     re.DOTALL)[1]


@pytest.fixture
def start(write_config, tmp_path):
    """Start a command of a recipe with a tiny config, as two processes."""

    def start(command: str, do: str = '', **variables) -> subprocess.Popen:
        (tmp_path / 'once.py').write_text(
            ONCE.format(do=do, folder=str(tmp_path)))
        config = write_config(extra=HOOK if do else '')
        return subprocess.Popen(
            ['bash', '-c', command.replace(CONFIG, config)], cwd=ROOT,
            env={
                **os.environ, 'PYTHON': sys.executable,
                'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': '',
                'PYTHONPATH': f'{tmp_path}:{ROOT}', **variables
            },
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    return start


def end(process: subprocess.Popen, code: int = 0) -> str:
    out, _ = process.communicate(timeout=300)
    assert process.returncode == code, out[-3000:]
    return out


def test_two_machines(start, tmp_path):
    port = free_port()
    work = shlex.quote(str(tmp_path / 'work'))
    commands: List[str] = [
        line.replace('10.0.0.1', '127.0.0.1').replace('29500', port).replace(
            f'{CONFIG} 4', f'{CONFIG} 1 --work-dir {work}')
        for line in recipe('Several machines').splitlines()]
    assert len(commands) == 2 and port in commands[1]
    first, second = map(start, commands)
    assert 'on 2 process' in end(first) + end(second)
    assert (tmp_path / 'work/iter_4.pth').is_file()


def test_processes_that_die_are_started_again(start, tmp_path):
    work = shlex.quote(str(tmp_path / 'work'))
    command = recipe('Processes that die').replace(
        f'{CONFIG} 4', f'{CONFIG} 2 --work-dir {work}')
    out = end(start(command, do='die', PORT=free_port()))
    assert (tmp_path / 'done').exists()
    assert 'resumed epoch: 0, iter: 2' in out
    assert (tmp_path / 'work/iter_4.pth').is_file()


def test_a_job_of_slurm_goes_on_in_its_next_turn(start, tmp_path):
    """Without SLURM: the commands that the script calls are stood in for."""
    (tmp_path / 'bin').mkdir()
    for name, content in dict(
            srun='shift; exec "$@"',
            scontrol=f'echo "$@" > {tmp_path}/requeued').items():
        path = tmp_path / 'bin' / name
        path.write_text(f'#!/usr/bin/env bash\n{content}\n')
        path.chmod(0o755)
    script = recipe('SLURM, and jobs that are preempted').replace(
        '--launcher slurm', f'--work-dir {tmp_path}/work').replace(
            '.venv/bin/python', sys.executable)
    variables = dict(SLURM_JOB_ID='7',
                     PATH=f'{tmp_path}/bin:{os.environ["PATH"]}')
    out = end(start(script, do='tell', **variables), code=138)
    assert '--resume goes on from there' in out
    assert (tmp_path / 'requeued').read_text() == 'requeue 7\n'
    (tmp_path / 'requeued').unlink()
    end(start(script, do='tell', **variables))
    assert not (tmp_path / 'requeued').exists()
    assert (tmp_path / 'work/iter_4.pth').is_file()
