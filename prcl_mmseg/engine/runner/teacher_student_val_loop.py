# Copyright (c) prcl_mmseg authors. All rights reserved.
import copy
import os.path as osp
from typing import Any, Dict, Iterable, List, Union

import torch
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner, ValLoop, autocast
from mmseg.registry import LOOPS
from torch.utils.data import DataLoader

from ...datasets.path_check import build_dataset
from ..hooks.unwrap import unwrap_model

# What mmseg's IoUMetric scores networks by, in %, with or without a prefix.
MAIN_SCORES = ('mIoU', 'mDice', 'mFscore')
# By so many points two networks differ by chance.
_LAG = 2.0


@LOOPS.register_module()
class TeacherStudentValLoop(ValLoop):
    """Scores teacher and student in one pass over the validation data.

    Metrics are named ``teacher/mIoU``, ``student/mIoU`` and so on; those of
    whichever of the two predicts by default also under their plain names, so
    ``save_best='mIoU'`` means what it always means. ``better/mIoU`` is the
    higher of the two, and so are ``better/mDice`` and ``better/mFscore``.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader | dict): The validation data.
        evaluator (dict | list): Config of the metrics; each role gets its
            own. Where one writes files, each role has a folder of its name
            below ``output_dir``.
        fp16 (bool): Validate under autocast. Defaults to False.

    Raises:
        ValueError: If the model has neither teacher nor student.
    """

    def __init__(self,
                 runner: Runner,
                 dataloader: Union[DataLoader, Dict],
                 evaluator: Union[Dict, List],
                 fp16: bool = False) -> None:
        self.model = unwrap_model(runner.model)
        if not hasattr(self.model, 'roles'):
            raise ValueError(
                "val_cfg.type='TeacherStudentValLoop' scores a teacher and a "
                f"student, but the model is a {type(self.model).__name__}; "
                "set val_cfg=dict(type='ValLoop', _delete_=True), or "
                "model.type='SemiSegmentor'")
        if isinstance(dataloader, dict):
            dataloader = dict(
                dataloader,
                dataset=build_dataset(dataloader['dataset'],
                                      'val_dataloader.dataset'))
        self.evaluators: Dict[str, Evaluator] = {
            role: runner.build_evaluator(_metrics_of(role, evaluator))
            for role in self.model.roles
        }
        predicting = self.evaluators[self.model.predicting_role]
        super().__init__(runner, dataloader, predicting, fp16)
        for each in self.evaluators.values():
            each.dataset_meta = predicting.dataset_meta

    def run(self) -> dict:
        """Launch validation.

        Returns:
            dict: The metrics of both roles.
        """
        self.runner.call_hook('before_val')
        self.runner.call_hook('before_val_epoch')
        self.runner.model.eval()
        for idx, data_batch in enumerate(self.dataloader):
            self.run_iter(idx, data_batch)
        metrics = self._evaluate()
        self.runner.call_hook('after_val_epoch', metrics=metrics)
        self.runner.call_hook('after_val')
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict) -> None:
        """Let every role predict one batch; hooks see the default role's."""
        self.runner.call_hook(
            'before_val_iter', batch_idx=idx, data_batch=data_batch)
        # Who predicts by default comes last: predictions are overwritten.
        last = self.model.predicting_role
        for role in sorted(self.evaluators, key=last.__eq__):
            with autocast(
                    enabled=self.fp16), self.model.predicting_with(role):
                outputs = self.runner.model.val_step(data_batch)
            self.evaluators[role].process(
                data_samples=outputs, data_batch=data_batch)
        self.runner.call_hook(
            'after_val_iter',
            batch_idx=idx,
            data_batch=data_batch,
            outputs=outputs)

    def _evaluate(self) -> dict:
        metrics = {}
        for role, evaluator in self.evaluators.items():
            self.runner.logger.info(f'Scores of the {role}:')
            scores = evaluator.evaluate(len(self.dataloader.dataset))
            if role == self.model.predicting_role:
                metrics.update(scores)
            metrics.update(
                {f'{role}/{name}': value
                 for name, value in scores.items()})
        self._compare(metrics)
        return metrics

    def _compare(self, metrics: Dict[str, float]) -> None:
        lagging = []
        for name in main_scores(metrics):
            teacher, student = (metrics.get(f'{role}/{name}')
                                for role in ('teacher', 'student'))
            if None in (teacher, student):
                continue
            metrics[f'better/{name}'] = max(teacher, student)
            if student >= teacher + _LAG:
                lagging.append((name, student, teacher))
        if lagging:
            name, student, teacher = lagging[0]
            self.runner.logger.warning(
                f'The student is better than the teacher ({name} '
                f'{student:.2f} and {teacher:.2f}): the teacher lags behind. '
                'That is normal at the start. At the end of a short training '
                'use a larger model.teacher.momentum, or let the student '
                "predict (model.predict_with='student', and "
                f"save_best='student/{name}')")


def main_scores(names: Iterable[str]) -> List[str]:
    """Those that stand for a whole network, without those of roles."""
    return [
        name for name in names if name.split('/')[-1] in MAIN_SCORES
        and name.split('/')[0] not in ('teacher', 'student')
    ]


def _metrics_of(role: str, evaluator: Any) -> Any:
    """A copy of what an evaluator is built from, with folders of a role."""
    if isinstance(evaluator, (list, tuple)):
        return [_metrics_of(role, metric) for metric in evaluator]
    evaluator = copy.deepcopy(evaluator)
    if not isinstance(evaluator, dict):
        return evaluator
    if 'metrics' in evaluator:
        evaluator['metrics'] = _metrics_of(role, evaluator['metrics'])
    if evaluator.get('output_dir') is not None:
        evaluator['output_dir'] = osp.join(evaluator['output_dir'], role)
    return evaluator
