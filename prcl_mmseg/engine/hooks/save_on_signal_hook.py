# Copyright (c) prcl_mmseg authors. All rights reserved.
import os
import signal
import threading
import time
from typing import Optional, Sequence

import torch
import torch.distributed as torch_dist
from mmengine.dist import barrier, get_world_size
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..batches import leave_signals_to_main_process
from ..launch import group_timeout
from .checkpoint_hook import CheckpointHook

# Schedulers and launchers may send one signal by two ways, seconds.
_SAME_REQUEST = 1.


@HOOKS.register_module()
class SaveOnSignalHook(Hook):
    """Saves a checkpoint when the run is told to end, then ends it.

    That is at the end of the iteration; under gradient accumulation, of that
    in which the optimizer steps. A validation is broken off, which resuming
    takes again. Several processes end in the same iteration, at most one
    later. The exit code is 128 and the number of the signal. A second signal
    ends the run at once.

    Args:
        signals (Sequence[str]): Names of the signals. Defaults to SIGTERM,
            SIGINT (Ctrl+C) and SIGUSR1, which batch systems send ahead of
            time (``sbatch --signal=USR1@120``).
    """

    # After all that belongs to the iteration.
    priority = 'LOWEST'

    def __init__(
        self,
        signals: Sequence[str] = ('SIGTERM', 'SIGINT', 'SIGUSR1')
    ) -> None:
        if isinstance(signals, str):
            signals = [signals]
        for name in signals:
            if name not in signal.Signals.__members__ or name in (
                    'SIGKILL', 'SIGSTOP'):
                raise ValueError(
                    f'signals of SaveOnSignalHook has {name!r}, which is no '
                    'signal that a process of this system can receive; write '
                    "names as in 'SIGUSR1'")
        self.signals = [signal.Signals[name] for name in signals]
        self._received = 0
        self._agreement: Optional[_Agreement] = None

    def before_train(self, runner: Runner) -> None:
        """Listen from now on; before the first step nothing can be lost."""
        for loop in (runner.train_loop, runner.val_loop):
            if loop is not None:
                leave_signals_to_main_process(loop.dataloader)
        self._received = 0
        if get_world_size() > 1:
            self._agreement = _Agreement(runner.cfg)
        self._earlier = {}
        if threading.current_thread() is threading.main_thread():
            self._earlier = {
                number: signal.signal(number, self._receive)
                for number in self.signals
            }

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: DATA_BATCH = None,
                         outputs: Optional[dict] = None) -> None:
        """End, if a process was told to."""
        number = self._received
        if self._agreement is not None:
            number = self._agreement.earlier_of_all(number)
        if number and runner.optim_wrapper.should_update():
            self._end(runner, runner.iter + 1, number)

    def after_val_iter(self,
                       runner: Runner,
                       batch_idx: int,
                       data_batch: DATA_BATCH = None,
                       outputs: Optional[Sequence] = None) -> None:
        """A process alone need not wait for the end of a validation."""
        if self._received and self._agreement is None:
            self._end(runner, runner.iter, self._received)

    def after_train(self, runner: Runner) -> None:
        """Listen no longer."""
        if self._agreement is not None:
            self._agreement.conclude()
        for number, handler in self._earlier.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame) -> None:
        now = time.monotonic()
        if not self._received:
            self._received, self._since = number, now
        elif now - self._since > _SAME_REQUEST:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _end(self, runner: Runner, step: int, number: int) -> None:
        name = signal.Signals(number).name
        saved = [
            hook.save(runner, step, interrupted_by=name)
            for hook in runner.hooks
            if isinstance(hook, CheckpointHook) and not hook.by_epoch
        ]
        # Launchers end the others when one has ended.
        barrier()
        runner.logger.warning(
            f'{name}: saved {saved[0]} and ended. The same command with '
            '--resume goes on from there' if saved else
            f'{name}: ended without a checkpoint, because default_hooks.'
            'checkpoint of the config does not save by iteration')
        runner.call_hook('after_run')
        raise SystemExit(128 + number)


class _Agreement:
    """Tells all processes what one of them received.

    The processes exchange numbers in each iteration and look at those of the
    iteration before, which have arrived by then: no step waits for another
    process, or for a GPU.
    """

    def __init__(self, cfg) -> None:
        self.group = torch_dist.new_group(
            backend='gloo', timeout=group_timeout(cfg))
        self._exchange = None

    def earlier_of_all(self, number: int) -> int:
        """Offer a number; the greatest one offered in the call before."""
        earlier = self.conclude()
        offer = torch.tensor(number)
        self._exchange = offer, torch_dist.all_reduce(
            offer, torch_dist.ReduceOp.MAX, self.group, async_op=True)
        return earlier

    def conclude(self) -> int:
        """The greatest number offered last."""
        if self._exchange is None:
            return 0
        (offer, work), self._exchange = self._exchange, None
        work.wait()
        return int(offer)
