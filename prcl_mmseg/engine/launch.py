# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What the tools of mmseg leave to the user: fitting a config to the run."""
import atexit
import ctypes
import os
import platform
import re
import sys
from contextlib import contextmanager
from datetime import timedelta
from typing import Iterator, Optional

import torch
import torch.distributed as torch_dist
from mmengine.config import Config

from .config_parts import replace_sync_bn
from .config_types import name_types

# Parameters of mallopt(), from malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
# Where each launcher tells the number of processes.
WORLD_SIZE = dict(
    pytorch='WORLD_SIZE', slurm='SLURM_NTASKS', mpi='OMPI_COMM_WORLD_SIZE')


def adapt_to_run(cfg: Config, launcher: str) -> None:
    """Choose norm layers and the distributed backend for this run, in place.

    Types become registered names, see :func:`name_types`. SyncBN needs several
    processes with a GPU each; anywhere else it becomes BN. On CPU, several
    processes talk through gloo.

    Args:
        cfg (Config): Config of the run.
        launcher (str): 'none', or what started the processes.

    Raises:
        ValueError: If ``launcher`` did not start this process, or cannot do
            without GPUs and there are none, or if
            ``env_cfg.dist_cfg.timeout`` is no number of seconds.
    """
    name_types(cfg)
    cfg.launcher = launcher
    on_gpu = torch.cuda.is_available()
    if not on_gpu and launcher not in ('none', 'pytorch'):
        raise ValueError(f'--launcher {launcher} needs GPUs, but none is '
                         'visible; start CPU processes with '
                         'tools/dist_train.sh, which uses --launcher pytorch')
    processes = count_processes(launcher)
    if not on_gpu or processes == 1:
        replace_sync_bn(cfg._cfg_dict)
        cfg.pop('sync_bn', None)
    timeout = group_timeout(cfg)
    if launcher != 'none' and not on_gpu:
        _communicate_on_cpu(cfg, timeout)


def keep_freed_memory() -> None:
    """Let glibc keep the memory of freed tensors for the next training step.

    By default it returns each large block to the system, which clears every
    page when it is asked for again. With large batches that takes up to a
    quarter of a training step. Other C libraries are left as they are, and
    so is the memory of a machine that trains on GPUs.
    """
    if torch.cuda.is_available():
        return
    if platform.libc_ver()[0] != 'glibc':
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def count_processes(launcher: str) -> int:
    """How many processes ``launcher`` started; 1 for 'none'."""
    if launcher == 'none':
        return 1
    variable = WORLD_SIZE[launcher]
    if variable not in os.environ:
        raise ValueError(
            f'--launcher {launcher} was given, but {variable} is not in the '
            'environment; start several processes with tools/dist_train.sh, '
            'or one without --launcher')
    return int(os.environ[variable])


def remember_local_rank(local_rank: int) -> None:
    """Let launchers that pass the rank as an argument work like the others."""
    os.environ.setdefault('LOCAL_RANK', str(local_rank))


def group_timeout(cfg: Config) -> Optional[timedelta]:
    """How long a process waits for the others; None leaves it to PyTorch.

    Raises:
        ValueError: If ``env_cfg.dist_cfg.timeout`` is no number of seconds.
    """
    seconds = ((cfg.get('env_cfg') or {}).get('dist_cfg')
               or {}).get('timeout')
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(
            seconds, (int, float)) or not seconds > 0:
        raise ValueError(f'env_cfg.dist_cfg.timeout={seconds!r} must be a '
                         'number of seconds above 0, such as 600')
    return timedelta(seconds=seconds)


@contextmanager
def explain_timeout(cfg: Config) -> Iterator[None]:
    """Say in plain words that another process did not answer.

    Raises:
        TimeoutError: In place of the error of PyTorch. Names the config key.
    """
    try:
        yield
    except RuntimeError as error:
        if not torch_dist.is_initialized() or not re.search(
                r'time(d|out)?.?out|Connection closed by peer', str(error),
                re.IGNORECASE):
            raise
        limit = group_timeout(cfg)
        raise TimeoutError(
            f'process {torch_dist.get_rank()} of '
            f'{torch_dist.get_world_size()} waited for another one in vain: '
            'that hangs, has died, or is far behind (look for its messages '
            'above; slow data is a usual reason). The limit is '
            f'env_cfg.dist_cfg.timeout={limit and limit.total_seconds()} '
            'seconds; raise it if a step or a check of the data may take '
            'longer. --resume goes on from the last checkpoint') from error


def leave_group(status: int = 0) -> None:
    """End the communication between processes, all at the same time.

    A process that exits while another still talks to it can bring that one
    down. The last call of a program: where processes talk through gloo it
    does not return, since PyTorch now and then aborts such a process while
    the interpreter shuts down.

    Args:
        status (int): Exit code of this process. Defaults to 0.
    """
    if torch_dist.is_available() and torch_dist.is_initialized():
        backend = torch_dist.get_backend()
        torch_dist.barrier()
        torch_dist.destroy_process_group()
        if backend == 'gloo':
            # Data workers are joined and logs written, as at any exit.
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def _communicate_on_cpu(cfg: Config, timeout: Optional[timedelta]) -> None:
    dist_cfg = dict(backend='gloo')
    options = {}
    if timeout is not None:
        dist_cfg['timeout'] = timeout.total_seconds()
        options['timeout'] = timeout
    cfg.env_cfg = dict(cfg.get('env_cfg') or {}, dist_cfg=dist_cfg)
    wrapper = dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False))
    wrapper.update(cfg.get('model_wrapper_cfg') or {}, device_ids=None)
    cfg.model_wrapper_cfg = wrapper
    # MMEngine's own initialisation would choose a CUDA device.
    if not torch_dist.is_initialized():
        torch_dist.init_process_group('gloo', **options)
