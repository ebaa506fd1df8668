# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Work of one of two processes while the other waits."""
import os
import socket
import time
from concurrent.futures import Future

import pytest
import torch.distributed as dist
import torch.multiprocessing as mp

from prcl_mmseg.datasets import main_process
from prcl_mmseg.datasets.main_process import run_in_main_process


def work(folder: str, fails: bool) -> str:
    with open(f'{folder}/calls', 'a') as file:
        file.write('called ')
    time.sleep(0.1)
    if fails:
        raise ValueError('a file is broken')
    return 'done'


class AtOnce:
    """A pool that is never seen at work."""

    def __init__(self, _) -> None:
        self.future = Future()

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        pass

    def submit(self, function) -> Future:
        self.future.set_result(function())
        return self.future


def run_process(rank: int, port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=2)
    # Several signs of life before the work is done.
    main_process._INTERVAL = 0.01
    result = run_in_main_process(lambda: work(folder, False))
    assert result == (None if rank else 'done')
    kind = RuntimeError if rank else ValueError
    with pytest.raises(kind, match='a file is broken'):
        run_in_main_process(lambda: work(folder, True))
    # Work that is done before anyone looks.
    main_process.ThreadPoolExecutor = AtOnce
    assert run_in_main_process(lambda: 1) == (None if rank else 1)
    dist.destroy_process_group()


def test_the_others_wait_and_end_with_it(tmp_path):
    with socket.socket() as sock:
        sock.bind(('', 0))
        port = sock.getsockname()[1]
    mp.spawn(run_process, (port, str(tmp_path)), nprocs=2)
    assert (tmp_path / 'calls').read_text() == 'called called '


def test_a_single_process_just_works(tmp_path):
    assert run_in_main_process(lambda: work(str(tmp_path), False)) == 'done'
    with pytest.raises(ValueError, match='broken'):
        run_in_main_process(lambda: work(str(tmp_path), True))
