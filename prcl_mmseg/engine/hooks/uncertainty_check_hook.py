# Copyright (c) prcl_mmseg authors. All rights reserved.
import logging
from typing import Optional

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...models.segmentors.modes import evaluating
from ...visualization import (ErrorFinding, find_errors, load_items,
                              predict_panels, variance_source)
from ...value_check import check_number
from .random_state import undisturbed
from .unwrap import unwrap_model


@HOOKS.register_module()
class UncertaintyCheckHook(Hook):
    """Measures, before each checkpoint, whether σ² finds errors.

    Nobody tells the network which pixels are wrong, so σ² can come out small
    where they are. The predictions of some validation images show it. What was
    found goes into the checkpoint, as ``meta.uncertainty``, from where
    pictures of σ² take it. Where a wrong pixel has the smaller σ² more often
    than not, the log warns.

    Idle without validation or without σ². Training goes on as if nothing had
    happened.

    Args:
        num_images (int): Number of validation images, spread evenly over the
            data. Defaults to 16.
        max_side (int): Predictions are reduced to it, in pixels, by leaving
            pixels out. Defaults to 512.

    Raises:
        ValueError: If there are to be no images.
    """

    def __init__(self, num_images: int = 16, max_side: int = 512) -> None:
        self.num_images = check_number(
            'UncertaintyCheckHook.num_images', num_images, 1, whole=True)
        self.max_side = check_number(
            'UncertaintyCheckHook.max_side', max_side, 1, whole=True)
        self._iter = -1
        self._finding: Optional[ErrorFinding] = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Measure, if this state of the model was not, and write it down."""
        source = variance_source(unwrap_model(runner.model))
        if source is None or runner.val_loop is None:
            return
        meta = checkpoint['meta']
        # Whoever sent a signal may not wait long enough for predictions.
        if meta['iter'] != self._iter and 'interrupted_by' not in meta:
            self._iter = meta['iter']
            self._finding = self._measure(runner)
        if self._finding is not None and meta['iter'] == self._iter:
            meta['uncertainty'] = dict(
                self._finding._asdict(), **source)

    def _measure(self, runner: Runner) -> Optional[ErrorFinding]:
        dataset = runner.val_loop.dataloader.dataset
        model = unwrap_model(runner.model)
        with undisturbed(), evaluating(model):
            panels = predict_panels(
                model, load_items(dataset, self.num_images), self.max_side)
        finding = find_errors(panels, len(dataset.metainfo['classes']))
        if finding is not None and finding.is_inverted:
            runner.logger.log(
                logging.WARNING, f'{finding}. A large σ² is no sign of doubt '
                'here: do not weigh or choose pixels by it. Train longer, or '
                'try another model.terms.*.variance_summary, which needs no '
                'new training')
        return finding
