# Copyright (c) prcl_mmseg authors. All rights reserved.
import importlib
from typing import Dict, List, Optional, Set, Union

import torch
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor

from ...models import TrainingHealth
from ...value_check import check_number
from .unwrap import prototype_banks, terms_of, unwrap_model

# What to do about a loss that stays 0.
CURES = dict(
    loss_pseudo='whoever labels is sure of no pixel (pseudo_weight is 0); '
    'lower model.strategy.loss.threshold',
    loss_contrast='no class has pixels to contrast (anchor_classes is 0), or '
    'only one class has been seen; lower '
    'model.terms.contrast.confidence_threshold if contrast_ratio is small, '
    'or raise model.terms.contrast.loss.anchors.threshold if it is below 1')


@HOOKS.register_module()
class TrainingHealthHook(Hook):
    """Tells whether a semi-supervised training is doing well.

    Every ``interval`` iterations the log gets ``pseudo_label_classes``, the
    effective number of classes of the pseudo-labels (the exponential of the
    entropy of their histogram) and, with a contrast, ``gradient_pseudo`` and
    ``gradient_contrast``: the L2 norms of the gradients of both losses, as
    they are weighted at that time, at the features that enter the decode
    heads.

    Every ``table_interval`` iterations, and at the end, it gets a table of
    all classes, whose numbers also go to the visualisation backends as
    ``health/...``: shares of the class among labelled and pseudo-labelled
    pixels (as the student sees them, strongly augmented), anchors per step,
    mean σ² of its pixels and of its prototype.

    It warns, once until things are better, if for ``patience`` iterations

    - a loss was exactly 0,
    - the pseudo-labels had collapsed: their effective number of classes was
      below ``collapse`` times that of the labelled masks,
    - no pixel was pseudo-labelled as a class that labelled masks show.

    It reads what the term ``TrainingHealth`` and others have found, and is
    idle where the model does not have that term.

    Args:
        interval (int): Iterations between two looks. Defaults to 50.
        table_interval (int): Iterations between two tables; the last
            iteration has one, too. 0 makes none. Defaults to 1000.
        patience (int): Iterations before a warning. Defaults to 500.
        collapse (float): See above. Defaults to 0.5.
    """

    # After the losses have reached the message hub, before the log is made.
    priority = 'NORMAL'

    def __init__(self,
                 interval: int = 50,
                 table_interval: int = 1000,
                 patience: int = 500,
                 collapse: float = 0.5) -> None:
        self.interval = check_number(
            'TrainingHealthHook.interval', interval, 1, whole=True)
        self.table_interval = check_number(
            'TrainingHealthHook.table_interval', table_interval, 0, whole=True)
        self.patience = check_number(
            'TrainingHealthHook.patience', patience, 1, whole=True)
        self.collapse = check_number('TrainingHealthHook.collapse', collapse,
                                     0, 1)
        self._since_table: Dict[str, Tensor] = {}
        self._table_steps = 0
        self._collapsed_for = 0
        # Of each class, once there was a look.
        self._missing_for: Union[int, Tensor] = 0
        self._shown: Union[bool, Tensor] = False
        self._warned: Set[str] = set()

    def before_train(self, runner: Runner) -> None:
        """Count from here.

        Gradients of single losses go through the graph that the step goes
        through once more. A compiled step would have given its buffers away.
        """
        self._last_look = runner.iter
        if runner.cfg.get('compile'):
            options = importlib.import_module('torch._functorch.config')
            # PyTorch 2.4 has no such option and keeps all buffers.
            if hasattr(options, 'donated_buffer'):
                options.donated_buffer = False

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch: DATA_BATCH = None) -> None:
        """Ask for the gradients if this iteration is looked at."""
        for term in terms_of(runner.model):
            if isinstance(term, TrainingHealth):
                term.gradients_wanted = self._is_due(runner, self.interval)

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: DATA_BATCH = None,
                         outputs: Optional[dict] = None) -> None:
        """Look, log and warn, if it is time."""
        if not self._is_due(runner, self.interval):
            return
        self._steps = runner.iter + 1 - self._last_look
        self._last_look = runner.iter + 1
        self._watch_losses(runner)
        sums: Dict[str, Tensor] = {}
        for term in terms_of(runner.model):
            sums.update(term.class_sums.read())
        if 'pseudo_labels' not in sums:
            return
        self._watch_pseudo_labels(runner, sums)
        self._collect(sums)
        if self.table_interval and self._is_due(runner, self.table_interval):
            self._log_table(runner)

    def _is_due(self, runner: Runner, interval: int) -> bool:
        return (self.every_n_train_iters(runner, interval)
                or self.is_last_train_iter(runner))

    def _watch_losses(self, runner: Runner) -> None:
        for key, history in runner.message_hub.log_scalars.items():
            name = key[len('train/'):]
            if not key.startswith('train/') or 'loss' not in name:
                continue
            values, _ = history.data
            recent = values[-self.patience:]
            self._warn(
                runner, name,
                len(recent) == self.patience and not recent.any(),
                f'{name} was exactly 0 in the last {self.patience} '
                f'iterations: {CURES.get(name, "look at its loss_weight")}')

    def _watch_pseudo_labels(self, runner: Runner,
                             sums: Dict[str, Tensor]) -> None:
        number = _effective_classes(sums['pseudo_labels'])
        runner.message_hub.update_scalar('train/pseudo_label_classes', number)
        expected = _effective_classes(sums['labels'])
        collapsed = number < self.collapse * expected
        self._collapsed_for = \
            self._collapsed_for + self._steps if collapsed else 0
        self._warn(
            runner, 'collapse', self._collapsed_for >= self.patience,
            f'The pseudo-labels have collapsed to {number:.1f} effective '
            f'classes, where labelled masks have {expected:.1f}, for '
            f'{self._collapsed_for} iterations. Train with labelled images '
            'alone first (load_from), raise '
            'model.strategy.loss.threshold, or lower its loss_weight')
        self._watch_missing(runner, sums)

    def _watch_missing(self, runner: Runner, sums: Dict[str, Tensor]) -> None:
        missing = sums['pseudo_labels'] == 0
        # Few masks show a rare class, so not each look sees one of them.
        self._shown = (sums['labels'] > 0) | self._shown
        self._missing_for = (self._missing_for + self._steps) * missing
        lost = self._shown & (self._missing_for >= self.patience)
        or_else = ''
        model = unwrap_model(runner.model)
        labeler = getattr(model.strategy, 'labeler', None)
        if (getattr(labeler, 'prototype_weight', None) == 0
                and labeler.prototypes in model.terms):
            or_else = ', or let the prototypes label, too: ' \
                'model.strategy.labeler.prototype_weight=1.0'
        for index, name in enumerate(_class_names(runner, len(missing))):
            self._warn(
                runner, f'class {name}',
                bool(lost[index]),
                f'No pixel was pseudo-labelled as class {name!r} in the last '
                f'{self.patience} iterations, though labelled masks show it: '
                'the unlabelled images lack it, or who labels has lost it. '
                f'Give it more labelled pixels or a class_weight{or_else}')

    def _warn(self, runner: Runner, topic: str, holds: bool,
              message: str) -> None:
        if not holds:
            self._warned.discard(topic)
        elif topic not in self._warned:
            self._warned.add(topic)
            runner.logger.warning(message)

    def _collect(self, sums: Dict[str, Tensor]) -> None:
        """Add up what the next table is made of."""
        self._since_table = {
            name: values + self._since_table.get(name, 0)
            for name, values in sums.items()
        }
        self._table_steps += self._steps

    def _log_table(self, runner: Runner) -> None:
        sums = self._since_table
        columns = {
            'labelled %': _percent(sums['labels']),
            'pseudo-labelled %': _percent(sums['pseudo_labels'])
        }
        if 'anchors' in sums:
            columns['anchors per step'] = sums['anchors'] / self._table_steps
            columns['pixel σ²'] = sums['variance'] / sums['pixels']
        for bank in prototype_banks(runner.model):
            variance = bank.prototypes().var.mean(dim=1)
            columns['prototype σ²'] = variance.where(bank.seen,
                                                     torch.nan).cpu()
        names = _class_names(runner, len(sums['labels']))
        runner.logger.info(f'Classes in the last {self._table_steps} '
                           f'iterations:\n{_format_table(names, columns)}')
        # Scalars without 'iter' would be taken for those of a validation.
        scalars = dict(iter=runner.iter + 1)
        for title, values in columns.items():
            tag = title.replace(' ', '_').replace('%', 'percent')
            scalars.update({
                f'health/{tag}/{name}': value
                for name, value in zip(names, values.tolist())
                if value == value
            })
        runner.visualizer.add_scalars(scalars, step=runner.iter + 1)
        self._since_table, self._table_steps = {}, 0


def _effective_classes(pixels: Tensor) -> float:
    """exp(entropy): C for a uniform histogram, 1 for a single class."""
    share = pixels / pixels.sum().clamp(min=1)
    return float(torch.special.entr(share).sum().exp())


def _percent(pixels: Tensor) -> Tensor:
    return 100 * pixels / pixels.sum().clamp(min=1)


def _class_names(runner: Runner, number: int) -> List[str]:
    classes = runner.train_dataloader.dataset.metainfo.get('classes')
    return list(classes or map(str, range(number)))


def _format_table(names: List[str], columns: Dict[str, Tensor]) -> str:
    """A row for each class; what is not known is a dash."""
    width = max(len(name) for name in ['class', *names])
    lines = ['  ' + '  '.join(['class'.ljust(width), *columns])]
    for row, name in enumerate(names):
        cells = [
            _format_number(values[row]).rjust(len(title))
            for title, values in columns.items()
        ]
        lines.append('  ' + '  '.join([name.ljust(width), *cells]))
    return '\n'.join(lines)


def _format_number(value: Tensor) -> str:
    return '-' if value.isnan() else f'{float(value):.4g}'
