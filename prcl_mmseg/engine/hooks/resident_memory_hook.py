# Copyright (c) prcl_mmseg authors. All rights reserved.
from pathlib import Path
from typing import Optional

from mmengine.device import is_cuda_available
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner
from mmseg.registry import HOOKS

_STATUS = Path('/proc/self/status')


@HOOKS.register_module()
class ResidentMemoryHook(Hook):
    """Logs on the CPU what MMEngine logs on CUDA: the peak ``memory``.

    In MiB; on the CPU the most that was resident of the training process, as
    Linux counts it, without its data workers. Elsewhere nothing is logged.
    """

    priority = 'NORMAL'

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: DATA_BATCH = None,
                         outputs: Optional[dict] = None) -> None:
        """Log the peak so far."""
        if is_cuda_available() or not _STATUS.is_file():
            return
        peak = next(line for line in _STATUS.read_text().splitlines()
                    if line.startswith('VmHWM'))
        runner.message_hub.update_scalar('train/memory',
                                         int(peak.split()[1]) / 1024)
