# Copyright (c) prcl_mmseg authors. All rights reserved.
import os.path as osp
from typing import Any, Dict, Optional

from mmengine.dist import get_world_size
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.evaluation import IoUMetric
from mmseg.registry import HOOKS
from torch import nn

from ...datasets import SemiSegDataset
from ...datasets.data_check import DataPart, check_data
from ...datasets.image_check import check_images, check_mask_size
from ...datasets.label_check import (LabelSurvey, check_class_count,
                                     log_class_histogram)
from ...datasets.loader_check import check_steps
from ...datasets.main_process import run_in_main_process
from ...evaluation import UncertaintyMetric
from ...models import SemiSegmentor
from ...models.decode_heads import ignored_label
from ...models.segmentors.image_channels import image_channels
from ...models.segmentors.trial_pass import try_network
from ...value_check import check_number
from .unwrap import unwrap_model

_TRAIN = 'train_dataloader.dataset'
_VAL = 'val_dataloader.dataset'
_TEST = 'test_dataloader.dataset'
_SPELLING = dict(labeled='labelled', unlabeled='unlabelled')


@HOOKS.register_module()
class PreflightHook(Hook):
    """Looks over data and model before the first iteration.

    Compares the class counts of model and data sets and the channels of model
    and images. Looks at the header and the end of every labelled, unlabelled
    and validation image. Reads the labelled and the validation masks for
    values that are no class (on CUDA they would end in a device-side assert)
    and for sizes that are not their image's. Refuses a pipeline that resizes
    the masks which predictions are compared with. Prints how many pixels each
    class has, the effective batch, and how often each image will be seen.
    Warns of a class without any pixel, of masks without a class, and of
    validation images that are trained on.

    Before a test it does the same with the test images.

    The main process checks while the others wait; its error ends them all.

    Args:
        max_images (int, optional): Read at most this many masks of each part.
            Defaults to None, all.
        decode (bool): Decode every image, which also finds damage in the
            middle of a file, and reads files of remote backends. Defaults to
            False.
        cache_file (str, optional): Keeps what was found about files, so that
            those that did not change are not read again. Defaults to None:
            ``data_check.json`` in the work directory.

    Raises:
        ValueError: Names the config key or file, the value and the cure.
    """

    priority = 'VERY_HIGH'

    def __init__(self,
                 max_images: Optional[int] = None,
                 decode: bool = False,
                 cache_file: Optional[str] = None) -> None:
        if max_images is not None:
            check_number('PreflightHook.max_images', max_images, 1, whole=True)
        self.max_images = max_images
        self.decode = decode
        self.cache_file = cache_file

    def before_train(self, runner: Runner) -> None:
        """Run all checks of training and validation data."""
        model = unwrap_model(runner.model)
        dataset = runner.train_dataloader.dataset
        check_class_count(dataset.metainfo, model.num_classes)
        check_steps(runner.train_dataloader)
        self._log_batch(runner, dataset)
        self._warn_of_lone_images(runner, model, dataset)
        run_in_main_process(lambda: self._check_training(runner, model))
        if isinstance(model, SemiSegmentor):
            try_network(model)

    def before_test(self, runner: Runner) -> None:
        """Check the test data."""
        dataset = runner.test_dataloader.dataset
        classes = dataset.metainfo.get('classes')
        num_classes = getattr(
            unwrap_model(runner.model), 'num_classes', len(classes or ()))
        check_class_count(dataset.metainfo, num_classes, _TEST)
        parts = {_TEST: _scored_part(dataset, runner.test_evaluator)}
        run_in_main_process(lambda: self._check(runner, parts, num_classes))

    def _check_training(self, runner: Runner, model: nn.Module) -> None:
        dataset = runner.train_dataloader.dataset
        ignored = ignored_label(getattr(model, 'student', model))
        parts = {_TRAIN: DataPart(dataset, ignored)}
        if isinstance(dataset, SemiSegDataset):
            parts = {f'{_TRAIN}.labeled': DataPart(dataset.labeled, ignored)}
            if dataset.unlabeled is not None:
                parts[f'{_TRAIN}.unlabeled'] = DataPart(dataset.unlabeled)
        labeled = next(iter(parts))
        if runner.val_loop is not None:
            scored = runner.val_dataloader.dataset
            check_class_count(scored.metainfo, model.num_classes, _VAL)
            parts[_VAL] = _scored_part(scored, runner.val_evaluator)
            self._compare_names(runner, dataset.metainfo, scored.metainfo)
        surveys = self._check(runner, parts, model.num_classes)
        if isinstance(model, SemiSegmentor):
            for key, part in parts.items():
                check_images(part.dataset, key, image_channels(model.student),
                             model.data_preprocessor.pixel_mean.numel())
        log_class_histogram(surveys[labeled].pixels,
                            dataset.metainfo['classes'])

    def _check(self, runner: Runner, parts: Dict[str, DataPart],
               num_classes: int) -> Dict[str, LabelSurvey]:
        surveys = check_data(
            parts, num_classes, self.max_images, self.decode, self.cache_file
            or osp.join(runner.work_dir, 'data_check.json'))
        for key in {_VAL, _TEST} & set(parts):
            if parts[key].ignore_index is not None:
                check_mask_size(parts[key].dataset, key)
        return surveys

    @staticmethod
    def _compare_names(runner: Runner, trained: dict, scored: dict) -> None:
        names = [tuple(info['classes']) for info in (trained, scored)]
        if names[0] != names[1]:
            runner.logger.warning(
                f'`{_TRAIN}` names the classes {names[0]}, but `{_VAL}` '
                f'{names[1]}. Classes are compared by their numbers: if the '
                'order differs, give both the same `metainfo.classes`.')

    @staticmethod
    def _log_batch(runner: Runner, dataset) -> None:
        items = (runner.train_dataloader.batch_size or 1) * get_world_size()
        steps = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        parts = {'labeled': (dataset, 1)}
        if isinstance(dataset, SemiSegDataset):
            parts = dataset.parts()
        batch = ' + '.join(f'{items * steps * count} {_SPELLING[name]}'
                           for name, (_, count) in parts.items())
        times = ' and '.join(
            f'each {_SPELLING[name]} image '
            f'{runner.max_iters * items * count / len(part):.3g} times'
            for name, (part, count) in parts.items())
        group = runner.optim_wrapper.param_groups[0]
        runner.logger.info(
            f'Effective batch: {batch} images per optimizer step on '
            f'{get_world_size()} process(es); learning rate '
            f'{group.get("initial_lr", group["lr"]):g}, before any warm-up '
            f'or decay. In {runner.max_iters} iterations the network sees '
            f'{times}')

    @staticmethod
    def _warn_of_lone_images(runner: Runner, model: nn.Module,
                             dataset) -> None:
        if not isinstance(dataset, SemiSegDataset):
            return
        mixing = sorted({type(module).__name__ for module in model.modules()
                         if getattr(module, 'mixes', False) and module.prob})
        number = dataset.samples_per_item[1] * (
            runner.train_dataloader.batch_size or 1)
        if mixing and number == 1:
            runner.logger.warning(
                f'{" and ".join(mixing)} cannot mix images: each step of a '
                'process has one unlabelled image. Set '
                '`train_dataloader.batch_size` to 2 or more.')


def _scored_part(dataset: Any, evaluator: Evaluator) -> DataPart:
    """The dataset, with masks if a metric compares with them."""
    ignored = [
        metric.ignore_index for metric in evaluator.metrics
        if isinstance(metric, (IoUMetric, UncertaintyMetric))
        and not getattr(metric, 'format_only', False)
    ]
    return DataPart(dataset, ignored[0] if ignored else None)
