# Copyright (c) prcl_mmseg authors. All rights reserved.
import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import mmengine
import mmseg
import torch

from prcl_mmseg.version import __version__

from .config_lists import leaf_dataset
from .fingerprint import plain
from .grid import Run
from .process import Commands, locked
from .work_dir import WorkDir

# A failed command's last lines that are worth repeating.
_TAIL = 20
# Scores of classes are kept apart from the others.
_CLASS_IOU = 'IoU/'


class RunFailed(Exception):
    """A command of a run failed, or did not leave what it should."""


class Executor:
    """Executes runs: trains, scores, and makes the row of results.

    Trains with ``tools/train.py`` and scores with ``tools/test.py``, each in
    a process of its own. What an earlier, interrupted execution has finished
    is not done again.

    Args:
        tools (Path): Folder of ``train.py`` and ``test.py``.
        work_root (Path): Folder of the work dirs.
    """

    def __init__(self, tools: Path, work_root: Path) -> None:
        self.tools = tools
        self.work_root = work_root
        self.commands = Commands()

    def work_dir(self, run: Run) -> Path:
        """The folder of a run; another one when config or lists change."""
        version = f'{run.config_hash[:6]}{run.data_hash[:4]}'
        return (self.work_root / run.grid / run.method / run.split /
                f'seed{run.seed}_{version}')

    def state(self, run: Run) -> WorkDir:
        """How far a run got."""
        return WorkDir(self.work_dir(run), run.config)

    def execute(self, run: Run, environment: Dict[str, str]) -> dict:
        """Execute a run, or what is missing of it.

        Args:
            run (Run): The run.
            environment (dict): Additions to the environment.

        Returns:
            dict: The row; its ``status`` is 'done', or 'failed' with the
            reason as ``error``.

        Raises:
            InUse: If another process executes this run.
            Stopped: If all commands were told to stop.
        """
        folder = self.work_dir(run)
        with locked(folder) as keep_open:
            row = self._describe(run, environment)
            execution = _Execution(self, run, folder, environment, keep_open)
            try:
                row.update(execution.results(), status='done')
            except RunFailed as error:
                row.update(status='failed', error=str(error))
        return row

    def _describe(self, run: Run, environment: Dict[str, str]) -> dict:
        return dict(
            grid=run.grid,
            method=run.method,
            split=run.split,
            seed=run.seed,
            max_iters=run.max_iters,
            config_hash=run.config_hash,
            data_hash=run.data_hash,
            work_dir=str(self.work_dir(run)),
            versions=dict(
                prcl_mmseg=__version__,
                commit=_commit(self.tools),
                torch=torch.__version__,
                mmengine=mmengine.__version__,
                mmseg=mmseg.__version__),
            threads=environment.get('OMP_NUM_THREADS'),
            config=plain(run.config))


class _Execution:
    """One run being executed in its locked folder."""

    def __init__(self, executor: Executor, run: Run, folder: Path,
                 environment: Dict[str, str],
                 keep_open: Sequence[int]) -> None:
        self.executor = executor
        self.run = run
        self.folder = folder
        self.environment = environment
        self.keep_open = keep_open
        self.state = executor.state(run)
        self.config = folder / 'config.py'

    def results(self) -> dict:
        """Train, score and collect."""
        copy.deepcopy(self.run.config).dump(self.config)
        self._train()
        last, best = self._chosen_checkpoints()
        tests = dict(last=self._test('test_last', last))
        if best is not None:
            # The best checkpoint is the last one, as often as not.
            tests['best'] = tests['last'] if best == self.run.max_iters else \
                self._test('test_best', best)
        results = dict(
            val=self._validations(last, best),
            test=tests,
            val_is_test=_same_images(self.run.config),
            device=self._device(),
            monitors=self.state.monitors(),
            **self.state.costs())
        if self.run.pseudo_labels:
            results['pseudo_labels'] = self._test_pseudo_labels(last)
        self.state.drop_spare_checkpoints()
        return results

    def _train(self) -> None:
        if self.state.resumable() == self.run.max_iters:
            return
        self.state.rewind()
        self._command('train', 'train.py', [
            str(self.config), '--work-dir',
            str(self.folder), '--resume'
        ])

    def _chosen_checkpoints(self) -> tuple:
        if self.state.resumable() != self.run.max_iters:
            raise RunFailed(
                f'{self.folder} lacks iter_{self.run.max_iters}.pth, its '
                'validation, or the best checkpoint. Let '
                'default_hooks.checkpoint of the config save the last and '
                'the best checkpoint (save_best), or delete the folder')
        return self.run.max_iters, self.state.best_step()

    def _test(self, name: str, step: int,
              config: Optional[Path] = None) -> dict:
        """Score a checkpoint, unless that is done."""
        if self.state.scores(name) is None:
            checkpoints = {
                **self.state.best_checkpoints(),
                **self.state.checkpoints()
            }
            self._command(name, 'test.py', [
                str(config or self.config),
                str(checkpoints[step]), '--work-dir',
                str(self.folder / name)
            ])
        scores = self.state.scores(name)
        if scores is None:
            raise RunFailed(f'{self.folder / name} has no scores; look into '
                            f'{self.folder / name}.log')
        classes = {
            key[len(_CLASS_IOU):]: scores.pop(key)
            for key in list(scores) if key.startswith(_CLASS_IOU)
        }
        return dict(step=step, **scores, class_iou=classes)

    def _test_pseudo_labels(self, step: int) -> dict:
        """Score what the model predicts for the unlabelled images.

        Their masks are read as those of the labelled images are.
        """
        cfg = copy.deepcopy(self.run.config)
        labeled, unlabeled = (
            leaf_dataset(cfg.train_dataloader.dataset[part])
            for part in ('labeled', 'unlabeled'))
        while 'datasets' in labeled:
            labeled = leaf_dataset(labeled['datasets'][0])
        tested = leaf_dataset(cfg.test_dataloader.dataset)
        for source, keys in ((unlabeled, ('data_root', 'ann_file')),
                             (tested, ('pipeline', ))):
            labeled.update({key: source[key] for key in keys if key in source})
        labeled.pop('indices', None)
        cfg.test_dataloader.dataset = labeled
        path = self.folder / 'config_pseudo_labels.py'
        cfg.dump(path)
        return self._test('test_pseudo_labels', step, path)

    def _validations(self, last: int, best: Optional[int]) -> dict:
        scores = self.state.validations()
        chosen = dict(
            last=dict(step=last, **scores[last]),
            curve=[dict(step=step, **scores[step]) for step in scores])
        if best is not None:
            chosen['best'] = dict(step=best, **scores[best])
        return chosen

    def _device(self) -> str:
        """The GPU that MMEngine found, as it says in the log."""
        log = (self.folder / 'train.log').read_text(errors='replace')
        found = re.findall(r'^\s*GPU [\d,]+: (.+)$', log, re.MULTILINE)
        return found[-1] if found else 'CPU'

    def _command(self, name: str, tool: str, arguments: List[str]) -> None:
        log = self.folder / f'{name}.log'
        status = self.executor.commands.run(
            [sys.executable,
             str(self.executor.tools / tool), *arguments], log,
            self.environment, self.keep_open)
        if status:
            raise RunFailed(f'{tool} ended with status {status}; the last '
                            f'lines of {log}:\n{_tail(log)}')


def _tail(log: Path) -> str:
    lines = log.read_text(errors='replace').splitlines()
    return '\n'.join([line for line in lines if line.strip()][-_TAIL:])


def _same_images(config) -> bool:
    """Whether the checkpoint is chosen on the images it is scored on."""
    return config.val_dataloader.dataset == config.test_dataloader.dataset


def _commit(folder: Path) -> Optional[str]:
    """The commit of the code, with a + if it has been edited since."""
    git = ['git', '-C', str(folder)]
    try:
        commit = subprocess.run([*git, 'rev-parse', '--short', 'HEAD'],
                                capture_output=True, text=True, check=True)
        edits = subprocess.run(
            [*git, 'status', '--porcelain', '--untracked-files=no', ':/'],
            capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.stdout.strip() + ('+' if edits.stdout.strip() else '')
