# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, Optional

from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import HOOKS

from ..batches import TrainingBatches, can_be_placed
from ..resume import checkpoint_folder, find_resumable
from ..resume_check import (check_fit, describe_run, follow_config,
                            schedule_changed)


@HOOKS.register_module()
class ResumeHook(Hook):
    """Lets a resumed training go on where it stopped.

    Finds the newest intact checkpoint, says what does not fit this run, goes
    on with the images that would have been next (with data workers their
    crops and flips differ), and takes the validation that a cut swallowed.

    Raises:
        ValueError: If no checkpoint is intact, or if training on from it
            would be meaningless.
    """

    priority = 'HIGH'
    _new_schedule = _resumed = False
    _validated_iter = 0

    def before_run(self, runner: Runner) -> None:
        """Choose what ``resume=True`` resumes."""
        self._seed = runner.seed
        if runner._resume and runner._load_from is None:
            start = find_resumable(runner.work_dir,
                                   checkpoint_folder(runner.cfg))
            if start is not None:
                runner._load_from = start.load_from
                for note in start.notes:
                    runner.logger.warning(note)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the checkpoint with the run, before it is taken over."""
        if not runner._resume:
            return
        self._resumed = True
        self._validated_iter = checkpoint['meta'].get('validated_iter', 0)
        for note in check_fit(runner, checkpoint, runner._load_from):
            runner.logger.warning(note)
        self._new_schedule = schedule_changed(runner, checkpoint)
        if self._new_schedule:
            # Else MMEngine would take it over.
            checkpoint.pop('param_schedulers', None)

    def before_save_checkpoint(self, runner: Runner,
                               checkpoint: dict) -> None:
        """Note what the run is compared with when it is resumed."""
        checkpoint['meta'].update(
            describe_run(runner), validated_iter=self._validated_iter)

    def after_val_epoch(self,
                        runner: Runner,
                        metrics: Optional[Dict[str, float]] = None) -> None:
        """A new best is saved again with what its validation changed."""
        self._validated_iter = runner.iter

    def before_train(self, runner: Runner) -> None:
        """Go on with the next batch, by the schedule of the config."""
        if self._new_schedule:
            before = runner.optim_wrapper.get_lr()['lr'][0]
            follow_config(runner)
            runner.logger.warning(
                'The checkpoint has no schedule, or another one than the '
                "config's, with its train_cfg.max_iters="
                f'{runner.max_iters}. The training goes on by that of the '
                f'config: the learning rate is '
                f'{runner.optim_wrapper.get_lr()["lr"][0]:g} now, which was '
                f'{before:g}. That is not what a training by this schedule '
                'would have been: start it anew for figures to compare')
        loop = runner.train_loop
        if can_be_placed(loop):
            # Without a seed in the config, the checkpoint's is not its own.
            if loop.dataloader.sampler.seed == self._seed:
                loop.dataloader.sampler.seed = runner.seed
            loop.dataloader_iterator = TrainingBatches(loop)

    def before_train_epoch(self, runner: Runner) -> None:
        """Validate where the run was cut before its validation was kept."""
        loop, done = runner.train_loop, runner.iter
        if not self._resumed or not isinstance(loop, IterBasedTrainLoop):
            return
        self._resumed = False
        if done == self._validated_iter:
            return
        if runner.val_loop is not None and \
                done >= loop.val_begin and (done % loop.val_interval == 0
                                            or done == loop.max_iters):
            runner.logger.info(f'The validation of iteration {done} is taken '
                               'now, which the checkpoint does not contain.')
            runner.val_loop.run()
