# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, List, Optional

import numpy as np
from mmengine.dataset import Compose
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner
from mmengine.visualization import MLflowVisBackend
from mmseg.registry import HOOKS

from ...datasets.pipeline_check import leaf_datasets, without_masks
from ...models.segmentors.modes import evaluating
from ...visualization import (find_errors, load_items, paint_sheet,
                              predict_panels)
from .random_state import undisturbed
from .unwrap import unwrap_model


@HOOKS.register_module()
class UncertaintyVisualizationHook(Hook):
    """Draws pseudo-labels, σ² and errors while training.

    The same images each time, by whoever predicts (``model.predict_with``,
    the teacher by default): validation images with ground truth and error,
    and unlabelled images, as whole as validation images are. Without σ² that
    column is missing; the others are drawn for any segmentor.

    The sheets go to all visualisation backends, as ``uncertainty_val`` and
    ``uncertainty_unlabeled``. Training goes on as if nothing had happened:
    the states of the random generators and the modes of all modules are put
    back. Only the first process draws.

    Args:
        interval (int): Iterations between two drawings; the last iteration
            is always drawn. Defaults to 1000.
        num_val (int): Number of validation images. Defaults to 4.
        num_unlabeled (int): Number of unlabelled images. Defaults to 4.
        max_side (int): Images are reduced to it, in pixels. Defaults to 512.

    Raises:
        ValueError: If there is no validation data, or nothing to draw.
    """

    # After the teacher has moved and the prototypes are committed.
    priority = 'LOW'

    def __init__(self,
                 interval: int = 1000,
                 num_val: int = 4,
                 num_unlabeled: int = 4,
                 max_side: int = 512) -> None:
        if min(num_val, num_unlabeled) < 0 or num_val + num_unlabeled == 0:
            raise ValueError(
                f'UncertaintyVisualizationHook: num_val={num_val} and '
                f'num_unlabeled={num_unlabeled} leave nothing to draw; set '
                'one of them to at least 1')
        self.interval = interval
        self.num_val = num_val
        self.num_unlabeled = num_unlabeled
        self.max_side = max_side
        self._items: Dict[str, List[dict]] = {}

    @master_only
    def before_train(self, runner: Runner) -> None:
        """Load the images."""
        if runner.val_loop is None:
            raise ValueError(
                'custom_hooks holds a UncertaintyVisualizationHook, which '
                'loads its images as those of val_dataloader; set '
                'val_dataloader, val_cfg and val_evaluator, or remove the '
                'hook')
        val = runner.val_loop.dataloader.dataset
        unlabeled = getattr(runner.train_dataloader.dataset, 'unlabeled', None)
        with undisturbed():
            if self.num_val:
                self._items['val'] = load_items(val, self.num_val)
            if self.num_unlabeled and unlabeled is not None:
                pipeline = Compose(
                    without_masks(leaf_datasets(val)[0].pipeline))
                self._items['unlabeled'] = load_items(
                    unlabeled, self.num_unlabeled, pipeline)

    @master_only
    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: DATA_BATCH = None,
                         outputs: Optional[dict] = None) -> None:
        """Draw, if it is time."""
        if not (self.every_n_train_iters(runner, self.interval)
                or runner.iter + 1 == runner.max_iters):
            return
        metainfo = runner.val_loop.dataloader.dataset.metainfo
        model = unwrap_model(runner.model)
        with undisturbed(), evaluating(model):
            panels = {
                name: predict_panels(model, items, self.max_side)
                for name, items in self._items.items()
            }
        finding = find_errors(
            panels.get('val', []), len(metainfo['classes']))
        for name, rows in panels.items():
            sheet = paint_sheet(
                rows,
                metainfo['classes'],
                metainfo['palette'],
                finding=finding)
            _add_image(runner, f'uncertainty_{name}', sheet)


def _add_image(runner: Runner, name: str, image: np.ndarray) -> None:
    step = runner.iter + 1
    for backend in runner.visualizer._vis_backends.values():
        # MLflow takes the name for that of a file, and forgets the step.
        title = f'{name}_{step}.png' if isinstance(
            backend, MLflowVisBackend) else name
        backend.add_image(title, image, step=step)
