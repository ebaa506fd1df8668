# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, Iterator, Optional, Sequence, Tuple

import torch
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor

from ...finite import not_finite
from ...models.segmentors.named_tensors import named_tensors
from ...models.structures.nested import leaves
from ...value_check import check_number, listed
from ..resume import saved_checkpoints
from .after_step_hook import AfterStepHook
from .unwrap import unwrap_model

_CURE = ('Lower `optim_wrapper.optimizer.lr`, or set '
         '`optim_wrapper.clip_grad.max_norm=1.0`')


@HOOKS.register_module()
class CheckFiniteHook(AfterStepHook):
    """Stops a training whose images, losses or weights are NaN or infinite.

    It runs before the teacher and the bank of prototypes move and before
    anything is saved, so they and the checkpoints stay good. Under mixed
    precision a skipped step is no fault, but many in a row are.

    Args:
        max_skipped_steps (int): Steps in a row that the scaler of mixed
            precision may skip. Defaults to 50.

    Raises:
        FloatingPointError: Names the images, losses or weights, the iteration
            and the last good checkpoint.
    """

    priority = 'ABOVE_NORMAL'

    def __init__(self, max_skipped_steps: int = 50) -> None:
        self.max_skipped_steps = check_number(
            'CheckFiniteHook.max_skipped_steps',
            max_skipped_steps,
            0,
            whole=True)

    def before_train(self, runner: Runner) -> None:
        """Check what was loaded or initialised."""
        super().before_train(runner)
        self._skipped = 0
        names = not_finite(unwrap_model(runner.model).state_dict())
        if names:
            raise FloatingPointError(
                f'before the first step, {listed(names)} of the model have '
                'NaN or infinite numbers; give another checkpoint as '
                '`load_from`, `--resume` or `init_cfg`')

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch: DATA_BATCH = None) -> None:
        """Check the images, unless they are integers."""
        faulty = [
            path for path, image in _images(data_batch)
            if not_finite({path: image})
        ]
        if faulty:
            raise FloatingPointError(
                f'iteration {runner.iter + 1} was not trained, because these '
                f'images hold NaN or infinite pixels: {listed(faulty)}. Mend '
                f'them, or take them out of the list. {_checkpoint(runner)}')

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: DATA_BATCH = None,
                         outputs: Optional[dict] = None) -> None:
        """Check the losses and the weights, by one look at the device."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        numbers = {
            name: torch.as_tensor(value).detach()
            for name, value in (outputs or {}).items() if 'loss' in name
        }
        losses = list(numbers)
        if self._skipped == 0:
            numbers.update(_trained(runner))
        names = not_finite(numbers)
        # Name the losses if one is bad: bad weights follow from it.
        faults = [
            f'{name}={float(numbers[name]):g}' for name in names
            if name in losses
        ] or names
        if faults:
            images = [path for path, _ in _images(data_batch)]
            raise FloatingPointError(
                f'iteration {runner.iter + 1} gave NaN or infinite numbers: '
                f'{listed(faults)}. The images of the batch are '
                f'{listed(images)}. {_CURE}. {_checkpoint(runner)}')

    def after_val_iter(self,
                       runner: Runner,
                       batch_idx: int,
                       data_batch: DATA_BATCH = None,
                       outputs: Optional[Sequence] = None) -> None:
        """Check the predictions before they are scored."""
        logits = {
            sample.metainfo.get('img_path', 'an image without path'):
            sample.seg_logits.data
            for sample in outputs or () if 'seg_logits' in sample
        }
        names = not_finite(logits)
        if names:
            raise FloatingPointError(
                f'the predictions of {listed(names)} are NaN or infinite; '
                'mend the images, or give another checkpoint')

    after_test_iter = after_val_iter

    def after_step(self, runner: Runner) -> None:
        """Count anew."""
        self._skipped = 0

    def after_skipped_step(self, runner: Runner) -> None:
        """Count the skipped steps in a row."""
        self._skipped += 1
        if self._skipped > self.max_skipped_steps:
            raise FloatingPointError(
                f'up to iteration {runner.iter + 1} the scaler of mixed '
                f'precision skipped {self._skipped} steps in a row, because '
                'gradients are NaN or infinite at any scale. '
                f'{_CURE}, or train without --amp. {_checkpoint(runner)}')


def _trained(runner: Runner) -> Dict[str, Tensor]:
    """What training changes; the teacher only follows."""
    return {
        name: value
        for name, value in named_tensors(unwrap_model(runner.model))
        if not name.startswith('networks.teacher.')
    }


def _images(batch: DATA_BATCH) -> Iterator[Tuple[str, Tensor]]:
    """File and pixels of each image of a batch, whatever its nesting."""
    if not isinstance(batch, dict):
        return
    if 'inputs' not in batch:
        for part in batch.values():
            yield from _images(part)
        return
    for image, sample in zip(
            leaves(batch['inputs']), leaves(batch['data_samples'])):
        yield sample.metainfo.get('img_path', 'an image without path'), image


def _checkpoint(runner: Runner) -> str:
    saved = saved_checkpoints(runner.work_dir)
    if not saved:
        return 'No checkpoint was saved before.'
    return f'The last good checkpoint is {saved[0]}.'
