# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Optional

from mmengine.dist import all_reduce_params, get_world_size
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch.nn import SyncBatchNorm
from torch.nn.modules.batchnorm import _BatchNorm

from .unwrap import unwrap_model


@HOOKS.register_module()
class RunningStatsHook(Hook):
    """Gives all processes the same running statistics of batch norms.

    Without SyncBN each process counts the images that it sees itself. Their
    teachers would drift apart, while a checkpoint holds those of the first
    process only. So the statistics are averaged after each iteration, before
    the teacher follows. Idle with one process or with SyncBN.
    """

    priority = 'HIGH'

    def before_train(self, runner: Runner) -> None:
        """Find the batch norms that are not synchronised."""
        model = unwrap_model(runner.model)
        model = getattr(model, 'student', model)
        self._statistics = [
            buffer for module in model.modules()
            if isinstance(module, _BatchNorm) and module.track_running_stats
            and not isinstance(module, SyncBatchNorm)
            for buffer in (module.running_mean, module.running_var)
        ]

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: DATA_BATCH = None,
                         outputs: Optional[dict] = None) -> None:
        """Average them over the processes."""
        if get_world_size() > 1 and self._statistics:
            all_reduce_params(self._statistics, op='mean')
