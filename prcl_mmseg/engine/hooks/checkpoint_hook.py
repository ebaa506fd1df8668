# Copyright (c) prcl_mmseg authors. All rights reserved.
import os.path as osp
from pathlib import Path
from typing import Dict, List, Optional

from mmengine.dist import is_main_process, master_only
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...compat import UNFINISHED, whole_file
from ..resume import POINTER, delete_checkpoints


@HOOKS.register_module()
class CheckpointHook(MMEngineCheckpointHook):
    """MMEngine's hook, but at every moment there is a whole checkpoint.

    MMEngine deletes what is outdated before it writes what is new. Here the
    new one is complete first, and so is ``last_checkpoint``, which names it.
    Takes the place of MMEngine's hook of this name.

    Attributes:
        overwrite (bool): Whether the checkpoints of an earlier training in
            the work dir are deleted, once this one is sure to begin.
    """

    overwrite = False

    def __init__(self,
                 *args,
                 filename_tmpl: Optional[str] = None,
                 **kwargs) -> None:
        if filename_tmpl not in (None, 'iter_{}.pth', 'epoch_{}.pth'):
            raise ValueError(
                f'default_hooks.checkpoint.filename_tmpl={filename_tmpl!r} '
                "must be 'iter_{}.pth' or 'epoch_{}.pth': by these names "
                '--resume finds checkpoints')
        super().__init__(*args, filename_tmpl=filename_tmpl, **kwargs)

    def before_train(self, runner: Runner) -> None:
        """Clear away what a kill during writing left, and what is to go."""
        super().before_train(runner)
        if is_main_process():
            if self.overwrite:
                delete_checkpoints(self.out_dir, runner.work_dir)
            for draft in Path(self.out_dir).glob(f'*.pth.*{UNFINISHED}'):
                draft.unlink()

    def save(self, runner: Runner, step: int, **meta) -> str:
        """Save a checkpoint now, unless that is done.

        Args:
            runner (Runner): The runner of the training.
            step (int): Iterations that are completed.
            **meta: What to note in the checkpoint.

        Returns:
            str: Its path.
        """
        path = self._path(step)
        if path != self.last_ckpt:
            self._save_checkpoint_with_step(
                runner, step, meta=dict(epoch=runner.epoch, iter=step, **meta))
        return path

    def _path(self, step: int) -> str:
        return self.file_backend.join_path(self.out_dir,
                                           self.filename_tmpl.format(step))

    def _save_checkpoint_with_step(self, runner: Runner, step: int,
                                   meta: dict) -> None:
        outdated = self._outdated_by(runner, step)
        self.last_ckpt = self._path(step)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            self.filename_tmpl.format(step),
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args)
        if is_main_process():
            pointer = osp.join(runner.work_dir, POINTER)
            with whole_file(pointer, 'w', durable=True) as file:
                file.write(self.last_ckpt)
        self._remove(outdated)

    def _outdated_by(self, runner: Runner, step: int) -> List[str]:
        """Checkpoints that exceed ``max_keep_ckpts`` once this is saved."""
        if self.max_keep_ckpts <= 0 or step in self.keep_ckpt_ids:
            return []
        outdated = []
        if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
            outdated.append(self._path(self.keep_ckpt_ids.popleft()))
        self.keep_ckpt_ids.append(step)
        runner.message_hub.update_info('keep_ckpt_ids',
                                       list(self.keep_ckpt_ids))
        return outdated

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Hide the earlier best from MMEngine, which would delete it."""
        if not self.save_best:
            return
        earlier = self._best_paths()
        self._set_best_paths(dict.fromkeys(earlier))
        super()._save_best_checkpoint(runner, metrics)
        now = {
            key: path or earlier.get(key)
            for key, path in self._best_paths().items()
        }
        self._set_best_paths(now)
        self._remove([
            path for path in earlier.values()
            if path and path not in now.values()
        ])

    def _best_paths(self) -> Dict[str, Optional[str]]:
        if hasattr(self, 'best_ckpt_path_dict'):
            return dict(self.best_ckpt_path_dict)
        return dict(best=self.best_ckpt_path)

    def _set_best_paths(self, paths: Dict[str, Optional[str]]) -> None:
        if hasattr(self, 'best_ckpt_path_dict'):
            self.best_ckpt_path_dict.update(paths)
        else:
            self.best_ckpt_path = paths['best']

    @master_only
    def _remove(self, paths: List[str]) -> None:
        for path in paths:
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
