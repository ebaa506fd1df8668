# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Optional

from mmengine.dist import get_world_size, master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ...datasets import SemiSegDataset
from ...datasets.image_check import check_images
from ...datasets.label_check import (check_class_count, check_labels,
                                     log_class_histogram)
from .unwrap import unwrap_model


@HOOKS.register_module()
class PreflightHook(Hook):
    """Looks over data and model before the first iteration.

    Compares the class counts of model and data set and the channels of model
    and images, reads the labelled masks for values that are no class (on CUDA
    they would end in a device-side assert) and for sizes that are not their
    image's, prints how many pixels each class has, warns of a class without
    any, and prints the effective batch.

    Args:
        max_images (int, optional): Read at most this many masks. None reads
            all. Defaults to 2000.

    Raises:
        ValueError: Names the config key or file, the value and the cure.
    """

    priority = 'VERY_HIGH'

    def __init__(self, max_images: Optional[int] = 2000) -> None:
        self.max_images = max_images

    def before_train(self, runner: Runner) -> None:
        """Run all checks."""
        model = unwrap_model(runner.model)
        dataset = runner.train_dataloader.dataset
        check_class_count(dataset.metainfo, model.num_classes)
        self._log_batch(runner, dataset)
        self._check_images(dataset, model)
        self._check_masks(dataset, model)

    @master_only
    def _check_images(self, dataset, model) -> None:
        mean = model.data_preprocessor.pixel_mean
        key = 'train_dataloader.dataset'
        parts = {key: dataset}
        if isinstance(dataset, SemiSegDataset):
            parts = {
                f'{key}.labeled': dataset.labeled,
                f'{key}.unlabeled': dataset.unlabeled
            }
        for name, part in parts.items():
            if part is not None:
                check_images(part, name,
                             _input_channels(model.student.backbone),
                             mean.numel())

    @master_only
    def _check_masks(self, dataset, model) -> None:
        histogram = check_labels(
            getattr(dataset, 'labeled', dataset), model.num_classes,
            model.ignore_index, self.max_images)
        log_class_histogram(histogram, dataset.metainfo['classes'])

    @staticmethod
    def _log_batch(runner: Runner, dataset) -> None:
        items = runner.train_dataloader.batch_size or 1
        items *= get_world_size() * getattr(runner.optim_wrapper,
                                            '_accumulative_counts', 1)
        labeled, unlabeled = 1, 0
        if isinstance(dataset, SemiSegDataset):
            labeled, unlabeled = dataset.samples_per_item
            unlabeled = 0 if dataset.unlabeled is None else unlabeled
        runner.logger.info(
            f'Effective batch: {items * labeled} labelled + '
            f'{items * unlabeled} unlabelled images per optimizer step on '
            f'{get_world_size()} process(es); learning rate '
            f'{runner.optim_wrapper.get_lr()["lr"][0]:g}')


def _input_channels(backbone: nn.Module) -> Optional[int]:
    """Channels that the first convolution takes; None if there is none."""
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    return None
