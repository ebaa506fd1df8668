# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The batches of a training, from any iteration on."""
import atexit
import itertools
import multiprocessing
import os
import signal
from typing import Any, Callable, Iterator, Optional

from mmengine.dataset import InfiniteSampler
from mmengine.runner import BaseLoop, IterBasedTrainLoop
from torch.utils.data import BatchSampler, DataLoader


class TrainingBatches:
    """Batches of the images that an uninterrupted training gets.

    Stands where MMEngine's loop has its iterator. The loop goes past the
    batches that were trained before; MMEngine's official family loads them
    all for that, and the randomness of their loading is lost.

    Args:
        loop (IterBasedTrainLoop): The loop, at the iteration where it goes
            on.
    """

    def __init__(self, loop: IterBasedTrainLoop) -> None:
        loader = loop.dataloader
        loader.sampler.indices = itertools.islice(
            loader.sampler._indices_of_rank(), loop.iter * loader.batch_size,
            None)
        leave_signals_to_main_process(loader)
        # Workers that MMEngine may have started are let go.
        loop.dataloader_iterator = loader._iterator = None
        self._batches = iter(loader)
        self._passed = loop.iter

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        """A batch, or None for one that was trained before."""
        if self._passed:
            self._passed -= 1
            return None
        return next(self._batches)

    def skip_iter(self, count: int) -> None:
        """Pass batches that were trained before."""
        self._passed -= count


def can_be_placed(loop: BaseLoop) -> bool:
    """Whether the order of the images is known from the start."""
    return isinstance(loop, IterBasedTrainLoop) and \
        type(loop.dataloader.sampler) is InfiniteSampler and \
        type(loop.dataloader.batch_sampler) is BatchSampler


def leave_signals_to_main_process(loader: DataLoader) -> None:
    """Let workers live on when a signal reaches all processes of a run.

    A scheduler signals them all. The main process still needs a batch then,
    to end in good order, and ends its workers itself.
    """
    if not isinstance(loader.worker_init_fn, _IgnoreSignals):
        loader.worker_init_fn = _IgnoreSignals(loader.worker_init_fn)


class _IgnoreSignals:
    """Initialises a worker. Its second SIGTERM ends it.

    Python ends the workers that are left at the end of a program by one
    SIGTERM, and waits for them: then already the first does.
    """

    def __init__(self, init_worker: Optional[Callable]) -> None:
        self.init_worker = init_worker
        self.program_ends = multiprocessing.RawValue('b', 0)
        # Before Python's own, which was registered before.
        atexit.register(setattr, self.program_ends, 'value', 1)

    def __call__(self, worker_id: int) -> None:
        for name in ('SIGINT', 'SIGUSR1', 'SIGUSR2'):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._receive)
        if self.init_worker is not None:
            self.init_worker(worker_id)

    def _receive(self, number: int, frame) -> None:
        if self.program_ends.value:
            os._exit(0)
        signal.signal(number, signal.SIG_DFL)
