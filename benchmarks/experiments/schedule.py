# Copyright (c) prcl_mmseg authors. All rights reserved.
import os
import threading
import time
import traceback
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Callable, Dict, List, Sequence

import torch

from .execute import Executor
from .grid import Run
from .process import InUse, Stopped
from .rows import save_row


class Schedule:
    """Executes runs one after the other, several at a time.

    A run that fails does not stop the others. An exception in the calling
    thread, as Ctrl-C makes one, ends them all; they can be resumed.

    Args:
        executor (Executor): Executes a run.
        results (Path): Folder of the rows.
        jobs (int): Runs at a time. Defaults to 1.
        max_hours (float): Hours after which no other run is started.
            Defaults to infinity.
        say (Callable): Gets a line for what happens, one at a time.
            Defaults to print.
    """

    def __init__(self,
                 executor: Executor,
                 results: Path,
                 jobs: int = 1,
                 max_hours: float = float('inf'),
                 say: Callable[[str], None] = print) -> None:
        self.executor = executor
        self.results = results
        self.jobs = jobs
        self.deadline = time.monotonic() + 3600 * max_hours
        self._say = say
        self._speaking = threading.Lock()

    def say(self, line: str) -> None:
        """Pass a line on, from whichever thread."""
        with self._speaking:
            self._say(line)

    def run(self, runs: Sequence[Run]) -> Dict[str, List[Run]]:
        """Execute the runs and save their rows.

        Returns:
            dict: Runs by outcome: 'done', 'failed', 'in use' (by another
            process) and 'left' (for lack of time).
        """
        self.total = len(runs)
        self.outcomes: Dict[str, List[Run]] = {
            'done': [],
            'failed': [],
            'in use': []
        }
        pending = deque(runs)
        with ThreadPoolExecutor(self.jobs) as pool:
            slots = [
                pool.submit(self._work, slot, pending)
                for slot in range(self.jobs)
            ]
            try:
                wait(slots)
            finally:
                self.executor.commands.stop()
        for slot in slots:
            slot.result()
        return dict(self.outcomes, left=list(pending))

    def _work(self, slot: int, pending: deque) -> None:
        while time.monotonic() < self.deadline:
            try:
                run = pending.popleft()
            except IndexError:
                return
            try:
                self._execute(run, slot, self.total - len(pending))
            except Stopped:
                pending.appendleft(run)
                return

    def _execute(self, run: Run, slot: int, number: int) -> None:
        place = f'[{number}/{self.total}] {run.title}'
        self.say(f'{place}: started in {self.executor.work_dir(run)}')
        start = time.monotonic()
        try:
            row = self.executor.execute(run, self._environment(slot))
        except InUse as error:
            self.outcomes['in use'].append(run)
            self.say(f'{place}: left out, {error}')
            return
        except Stopped:
            raise
        except Exception:
            self.outcomes['failed'].append(run)
            self.say(f'{place}: FAILED: {traceback.format_exc()}')
            return
        save_row(self.results, run, row)
        self.outcomes[row['status']].append(run)
        minutes = (time.monotonic() - start) / 60
        self.say(f'{place}: {_summary(row)} ({minutes:.1f} min)')

    def _environment(self, slot: int) -> Dict[str, str]:
        environment = {'OMP_NUM_THREADS': str(threads_per_run(self.jobs))}
        devices = _devices()
        if self.jobs > 1 and len(devices) > 1:
            environment['CUDA_VISIBLE_DEVICES'] = devices[slot % len(devices)]
        return environment


def threads_per_run(jobs: int) -> int:
    """Threads for each of some runs side by side.

    ``OMP_NUM_THREADS`` if it is set, otherwise a run's share of the cores:
    more would make the runs wait for each other.
    """
    if os.environ.get('OMP_NUM_THREADS'):
        return int(os.environ['OMP_NUM_THREADS'])
    if hasattr(os, 'sched_getaffinity'):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, cores // jobs)


def _devices() -> List[str]:
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    if visible is not None:
        return [name for name in visible.split(',') if name.strip()]
    return [str(index) for index in range(torch.cuda.device_count())]


def _summary(row: dict) -> str:
    if row['status'] == 'failed':
        return f'FAILED: {row["error"]}'
    scores = ', '.join(f'{name} {values["mIoU"]:.2f}'
                       for name, values in row['test'].items()
                       if 'mIoU' in values)
    return f'test mIoU {scores}' if scores else 'done'
