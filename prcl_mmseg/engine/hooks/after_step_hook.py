# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Optional

from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner
from torch.optim import Optimizer


class AfterStepHook(Hook):
    """Base of the hooks that follow the student: they move when it has moved.

    Not each iteration ends in a step of the optimizer. Gradients may be
    accumulated, and the scaler of mixed precision skips a step whose
    gradients overflow.
    """

    def before_train(self, runner: Runner) -> None:
        """Ask the optimizer to tell of its steps."""
        self._stepped = False
        if isinstance(runner.optim_wrapper, OptimWrapperDict):
            raise ValueError('optim_wrapper has several optimizers; give one '
                             'for the whole student')
        runner.optim_wrapper.optimizer.register_step_post_hook(self._note)

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: DATA_BATCH = None,
                         outputs: Optional[dict] = None) -> None:
        """Call what belongs to the iteration."""
        if self._stepped:
            self.after_step(runner)
        elif runner.optim_wrapper.should_update():
            self.after_skipped_step(runner)
        self._stepped = False

    def after_step(self, runner: Runner) -> None:
        """The optimizer has changed the weights."""

    def after_skipped_step(self, runner: Runner) -> None:
        """The scaler of mixed precision kept the weights as they were."""

    def _note(self, optimizer: Optimizer, *_) -> None:
        # A fused optimizer is also called for the steps that it skips.
        overflow = getattr(optimizer, 'found_inf', None)
        self._stepped = overflow is None or not overflow.any()
