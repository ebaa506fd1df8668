# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Optional

from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...models import PrototypeBank
from ...value_check import check_number
from .after_step_hook import AfterStepHook
from .unwrap import prototype_banks


@HOOKS.register_module()
class PrototypeBankHook(AfterStepHook):
    """Commits the evidence of an iteration to the banks of prototypes.

    The evidence was summed over all processes by one all-reduce during the
    forward pass, so every process commits the same and the banks stay equal.
    Idle where no term has a bank.

    Into the log go the number of classes seen, and the mean σ² of their
    prototypes as it is and for the least certain class.

    Args:
        log_interval (int): Iterations between two log entries.
            Defaults to 50.
    """

    priority = 'NORMAL'

    def __init__(self, log_interval: int = 50) -> None:
        self.log_interval = check_number(
            'PrototypeBankHook.log_interval', log_interval, 1, whole=True)

    def after_step(self, runner: Runner) -> None:
        """Commit."""
        for bank in prototype_banks(runner.model):
            bank.commit()

    def after_skipped_step(self, runner: Runner) -> None:
        """Forget what the skipped step would have brought."""
        for bank in prototype_banks(runner.model):
            bank.discard()

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: DATA_BATCH = None,
                         outputs: Optional[dict] = None) -> None:
        """Commit, then log."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if self.every_n_train_iters(runner, self.log_interval):
            for bank in prototype_banks(runner.model):
                self._log_scalars(runner, bank)

    def _log_scalars(self, runner: Runner, bank: PrototypeBank) -> None:
        seen = bank.seen
        if not seen.any():
            return
        var = bank.prototypes().var[seen].mean(dim=1)
        for name, value in (('prototypes_seen', seen.sum()),
                            ('prototype_variance', var.mean()),
                            ('prototype_variance_max', var.max())):
            runner.message_hub.update_scalar(f'train/{name}', value.item())
