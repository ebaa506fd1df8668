# Copyright (c) prcl_mmseg authors. All rights reserved.
import random
from typing import Optional

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner
from mmseg.registry import HOOKS


@HOOKS.register_module()
class ReproducibleStepHook(Hook):
    """Makes the randomness of a step a function of seed, rank and iteration.

    Strong augmentation and the sampling of anchors and negatives draw random
    numbers in the training step. Checkpoints hold no generator states, so
    these are seeded for each iteration: a resumed run takes the same steps as
    one that was never interrupted.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed what a data loader without workers draws first."""
        self._seed(runner, runner.iter, stream=0)

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch: DATA_BATCH = None) -> None:
        """Seed the step."""
        self._seed(runner, runner.iter, stream=1)

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: DATA_BATCH = None,
                         outputs: Optional[dict] = None) -> None:
        """Seed what a data loader without workers draws next."""
        self._seed(runner, runner.iter + 1, stream=0)

    @staticmethod
    def _seed(runner: Runner, iteration: int, stream: int) -> None:
        entropy = [runner.seed, get_rank(), iteration, stream]
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
