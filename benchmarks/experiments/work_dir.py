# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What the work dir of a run tells: how far it got, scores, costs."""
import json
import re
import zipfile
from pathlib import Path
from statistics import mean, median
from typing import Dict, List, Optional

from mmengine.config import Config

Scores = Dict[str, float]


class WorkDir:
    """Reads what MMEngine's hooks have written during a training.

    Args:
        path (Path): The work dir.
        config (Config): The config of the run.
    """

    def __init__(self, path: Path, config: Config) -> None:
        self.path = path
        self.max_iters = config.train_cfg.max_iters
        self.val_interval = config.train_cfg.get('val_interval', 1)
        self.val_begin = config.train_cfg.get('val_begin', 1)
        hook = (config.get('default_hooks') or {}).get('checkpoint') or {}
        self.save_best = hook.get('save_best')
        rule = hook.get('rule') or (
            'less' if 'loss' in str(self.save_best).lower() else 'greater')
        self._best_of = min if rule == 'less' else max

    def validations(self) -> Dict[int, Scores]:
        """Scores of each validation by iteration; the later of two runs."""
        scores = {
            record['step']: {
                name: value
                for name, value in record.items()
                if name not in ('step', 'time', 'data_time')
            }
            for record in self._scalars() if 'iter' not in record
        }
        return dict(sorted(scores.items()))

    def costs(self) -> Dict[str, Optional[float]]:
        """Median seconds of an iteration and peak memory in MiB."""
        records = [item for item in self._scalars() if 'iter' in item]
        seconds = [item['time'] for item in records if 'time' in item]
        memory = [item['memory'] for item in records if 'memory' in item]
        return dict(
            seconds_per_iter=median(seconds) if seconds else None,
            peak_memory_mib=max(memory, default=None))

    def monitors(self, parts: int = 4) -> Dict[str, List[Optional[float]]]:
        """What the training logged, averaged over equal parts of it.

        Args:
            parts (int): Into how many. Defaults to 4.

        Returns:
            dict[str, list]: ``parts`` means for each scalar, None where it
            was not logged.
        """
        # Several hooks write; of a step that was repeated after a cut, the
        # later record counts.
        records: Dict[int, Scores] = {}
        for record in self._scalars():
            if 'iter' in record:
                records.setdefault(record['step'], {}).update(record)
        values: Dict[str, List[List[float]]] = {}
        for step, record in records.items():
            part = min((step - 1) * parts // self.max_iters, parts - 1)
            for name, value in record.items():
                if name not in ('iter', 'step'):
                    values.setdefault(name, [[] for _ in range(parts)])
                    values[name][part].append(value)
        return {
            name: [mean(some) if some else None for some in values[name]]
            for name in sorted(values)
        }

    def checkpoints(self) -> Dict[int, Path]:
        """Intact checkpoints by iteration, ascending."""
        return self._checkpoints('iter_*.pth')

    def best_checkpoints(self) -> Dict[int, Path]:
        """Intact best checkpoints by iteration."""
        return self._checkpoints('best_*iter_*.pth')

    def best_step(self, until: Optional[int] = None) -> Optional[int]:
        """The first iteration of the best validation score.

        Args:
            until (int, optional): Look no further than this iteration.

        Returns:
            int: None if best checkpoints are not kept.
        """
        scores = {
            step: values[self.save_best]
            for step, values in self.validations().items()
            if self.save_best in values and (until is None or step <= until)
        }
        return self._best_of(scores, key=scores.get) if scores else None

    def resumable(self) -> Optional[int]:
        """The last iteration from which the training loses nothing.

        A cut between a checkpoint and the validation that belongs to it would
        lose this validation; a cut while a checkpoint is written spoils it.
        """
        scored, best = self.validations(), self.best_checkpoints()
        for step in reversed(self.checkpoints()):
            wanted = self.best_step(until=step)
            if (not self._is_validated(step) or step in scored) and (
                    wanted is None or wanted in best):
                return step
        return None

    def rewind(self) -> int:
        """Let ``--resume`` go on from the last good checkpoint.

        Returns:
            int: Its iteration, 0 if the training starts anew.
        """
        step = self.resumable() or 0
        for path in self.path.glob('*iter_*.pth'):
            number = re.search(r'iter_(\d+)$', path.stem)
            if number and int(number[1]) > step:
                path.unlink()
        pointer = self.path / 'last_checkpoint'
        if step:
            pointer.write_text(str(self.checkpoints()[step]))
        elif pointer.exists():
            pointer.unlink()
        return step

    def drop_spare_checkpoints(self) -> None:
        """Delete all checkpoints but the last and the best."""
        for step, path in self.checkpoints().items():
            if step < self.max_iters:
                path.unlink()

    def scores(self, test: str) -> Optional[Scores]:
        """Scores of a finished test, None if there is none."""
        for path in sorted((self.path / test).glob('*/*.json'), reverse=True):
            try:
                values = json.loads(path.read_text())
            except ValueError:
                continue
            return {
                name: value
                for name, value in values.items()
                if name not in ('time', 'data_time')
            }
        return None

    def _is_validated(self, step: int) -> bool:
        return step >= self.val_begin and (step % self.val_interval == 0
                                           or step == self.max_iters)

    def _checkpoints(self, pattern: str) -> Dict[int, Path]:
        found = {
            int(re.search(r'iter_(\d+)$', path.stem)[1]): path
            for path in self.path.glob(pattern) if zipfile.is_zipfile(path)
        }
        return dict(sorted(found.items()))

    def _scalars(self) -> List[dict]:
        records = []
        for path in sorted(self.path.glob('*/vis_data/scalars.json')):
            for line in path.read_text().splitlines():
                try:
                    records.append(json.loads(line))
                except ValueError:  # The line that a cut left unfinished.
                    continue
        return records
