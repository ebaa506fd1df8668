# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Rows as Markdown: means and standard deviations over seeds."""
from collections import Counter
from statistics import mean, median, stdev
from typing import Callable, List, Optional, Sequence

from .grid import Grid, Run

_CHOICES = dict(
    last='last checkpoint', best='checkpoint with the best validation score')
# Not among the scores that come from anywhere.
_SHOWN = ('mIoU', 'aAcc', 'mAcc', 'step', 'class_iou')
_NOTHING = '–'

Value = Callable[[dict], Optional[float]]


def write_report(grid: Grid,
                 rows: Sequence[dict],
                 outdated: Sequence[dict],
                 missing: Sequence[Run],
                 baseline: Optional[str] = None) -> str:
    """Compare the methods of a grid.

    Args:
        grid (Grid): The grid.
        rows (Sequence[dict]): Its rows.
        outdated (Sequence[dict]): Rows of runs whose config has changed since;
            counted, not shown.
        missing (Sequence[Run]): Runs without a row.
        baseline (str, optional): The method with which the others are
            compared seed by seed. Defaults to the first of the grid.

    Returns:
        str: Markdown.

    Raises:
        ValueError: If no run is done or the grid has no such method.
    """
    done = [row for row in rows if row['status'] == 'done']
    if not done:
        left_out = (f'; {len(outdated)} are of an earlier config, or of '
                    'other lists') if outdated else ''
        raise ValueError(f'the grid {grid.name!r} has no result to report'
                         f'{left_out}; execute it first')
    baseline = baseline or grid.methods[0]
    if baseline not in grid.methods:
        raise ValueError(
            f'--baseline {baseline}: the grid {grid.name!r} has no such '
            f'method; it has {", ".join(grid.methods)}')
    return '\n'.join(
        _Report(grid, done, baseline).lines() +
        _unfinished(rows, outdated, missing)) + '\n'


class _Report:

    def __init__(self, grid: Grid, rows: List[dict], baseline: str) -> None:
        self.grid = grid
        self.rows = rows
        self.baseline = baseline
        # The order of the grid, without what nobody has run yet.
        self.methods = self._present('method', grid.methods)
        self.splits = self._present('split', grid.splits)

    def lines(self) -> List[str]:
        return [
            f'# {self.grid.name}', '', f'{len(self.rows)} of '
            f'{len(self.grid.runs)} runs are done. Mean ± standard deviation '
            f'over seeds {", ".join(map(str, self.grid.seeds))}; (n) where '
            'there are fewer.', *self._warning(),
            *self._test_scores(), *self._validation(),
            *self._pseudo_labels(), *self._gradients(),
            *self._other_scores(), *self._costs(), *self._classes(),
            *self._origin()
        ]

    def _present(self, key: str, names: Sequence[str]) -> List[str]:
        found = {row[key] for row in self.rows}
        return [name for name in names if name in found]

    def _warning(self) -> List[str]:
        if not any(row['val_is_test'] for row in self.rows):
            return []
        return [
            '', '**Validation and test images are the same here, so the best '
            'checkpoint is chosen on what it is scored on: compare the last '
            'ones.**'
        ]

    def _test_scores(self) -> List[str]:
        lines = []
        for choice, words in _CHOICES.items():
            score = _score('test', choice, 'mIoU')
            lines += self._table(f'Test mIoU (%), {words}',
                                 lambda rows: _spread(rows, score, self.n))
        if len(self.methods) > 1 and self.baseline in self.methods:
            for choice, words in _CHOICES.items():
                lines += self._differences(choice, words)
        return lines

    @property
    def n(self) -> int:
        return len(self.grid.seeds)

    def _differences(self, choice: str, words: str) -> List[str]:
        score = _score('test', choice, 'mIoU')
        base = {(row['split'], row['seed']): score(row)
                for row in self.rows if row['method'] == self.baseline}

        def gain(row: dict) -> Optional[float]:
            pair = score(row), base.get((row['split'], row['seed']))
            return None if None in pair else pair[0] - pair[1]

        others = [name for name in self.methods if name != self.baseline]
        return self._table(
            f'Test mIoU (%) minus that of {self.baseline} with the same '
            f'seed, {words}', lambda rows: _spread(rows, gain, self.n, '+.1f'),
            others)

    def _validation(self) -> List[str]:
        lines = []
        for choice, words in _CHOICES.items():
            roles = [
                _score('val', choice, f'{role}/mIoU')
                for role in ('teacher', 'student')
            ]
            lines += self._table(
                f'Validation mIoU (%) of teacher / student, {words}',
                lambda rows: ' / '.join(
                    _spread(rows, role, self.n) for role in roles))
        return lines

    def _pseudo_labels(self) -> List[str]:

        def score(name: str) -> Value:
            return lambda row: (row.get('pseudo_labels') or {}).get(name)

        return self._table(
            'Predictions for the unlabelled images: mIoU / accuracy (%), '
            'last checkpoint', lambda rows: ' / '.join(
                _spread(rows, score(name), self.n)
                for name in ('mIoU', 'aAcc')))

    def _gradients(self) -> List[str]:

        def ratio(quarter: int) -> Value:
            return lambda row: _gradient_ratio(row, quarter)

        return self._table(
            "Gradient norm of the contrast over that of the pseudo-labels' "
            'loss, in each quarter of the training', lambda rows: ' / '.join(
                _spread(rows, ratio(quarter), self.n, '.2f')
                for quarter in range(4)))

    def _other_scores(self) -> List[str]:
        """Whatever else the metrics of the tests have told."""

        def others(scores: Optional[dict]) -> dict:
            scores = scores or {}
            return {
                name: scores[name]
                for name in scores if name not in _SHOWN
            }

        return [
            *self._by_split('Other test scores', lambda row: others(row[
                'test']['last']), '.3f'),
            *self._by_split('Other scores on the unlabelled images',
                            lambda row: others(row.get('pseudo_labels')),
                            '.3f')
        ]

    def _costs(self) -> List[str]:
        lines = ['', '## Costs']
        for device in dict.fromkeys(row['device'] for row in self.rows):
            lines += self._costs_on(
                device, [row for row in self.rows if row['device'] == device])
        return lines

    def _costs_on(self, device: str, rows: List[dict]) -> List[str]:
        threads = '/'.join(sorted({str(row['threads']) for row in rows}))
        lines = [
            '', f'On {device}, {threads} thread(s) a run; median of the runs, '
            'and most of any.', '',
            '| method | seconds per iteration | peak memory (MiB) |',
            '|---|---|---|'
        ]
        for method in self.methods:
            own = [row for row in rows if row['method'] == method]
            if not own:
                continue
            seconds = _values(own, lambda row: row['seconds_per_iter'])
            memory = _values(own, lambda row: row['peak_memory_mib'])
            lines.append(
                f'| {method} | '
                f'{f"{median(seconds):.3g}" if seconds else _NOTHING} | '
                f'{f"{max(memory):.0f}" if memory else _NOTHING} |')
        return lines

    def _classes(self) -> List[str]:
        return self._by_split('Test IoU (%) of classes',
                              lambda row: row['test']['last']['class_iou'],
                              '.1f')

    def _by_split(self, title: str, scores: Callable[[dict], dict],
                  form: str) -> List[str]:
        """For each split the scores of the last checkpoint by methods."""
        lines = []
        for split in self.splits:
            rows = [row for row in self.rows if row['split'] == split]
            names = dict.fromkeys(name for row in rows for name in scores(row))
            if not names:
                continue
            lines += ['', f'## {title}, {split}, last checkpoint', '',
                      _line(['', *self.methods]), _rule(len(self.methods))]
            for name in names:
                cells = [
                    _spread([row for row in rows if row['method'] == method],
                            lambda row: scores(row).get(name), self.n, form)
                    for method in self.methods
                ]
                lines.append(_line([name, *cells]))
        return lines

    def _origin(self) -> List[str]:
        origins = Counter(
            ', '.join(f'{name} {version}'
                      for name, version in row['versions'].items() if version)
            for row in self.rows)
        return ['', '## Code', ''] + [
            f'* {count} run(s): {origin}' for origin, count in origins.items()
        ]

    def _table(self,
               title: str,
               cell: Callable[[List[dict]], str],
               methods: Optional[Sequence[str]] = None) -> List[str]:
        """Methods by splits; nothing if all cells are empty."""
        lines, filled = [], False
        for method in self.methods if methods is None else methods:
            cells = [
                cell([
                    row for row in self.rows
                    if (row['method'], row['split']) == (method, split)
                ]) for split in self.splits
            ]
            filled |= any(set(text) - set(f'{_NOTHING} /') for text in cells)
            lines.append(_line([method, *cells]))
        if not filled:
            return []
        return [
            '', f'## {title}', '',
            _line(['method', *self.splits]),
            _rule(len(self.splits)), *lines
        ]


def _unfinished(rows: Sequence[dict], outdated: Sequence[dict],
                missing: Sequence[Run]) -> List[str]:
    failed = [row for row in rows if row['status'] == 'failed']
    lines = []
    if failed:
        lines += ['', '## Failed', '']
        lines += [
            f'* {row["method"]}, split {row["split"]}, seed {row["seed"]}: '
            f'{row["error"].splitlines()[0]}' for row in failed
        ]
    if outdated:
        lines += [
            '', f'{len(outdated)} result(s) of an earlier config, or of '
            'other lists, are left out: ' + ', '.join(
                f'{row["method"]}/{row["split"]}/{row["seed"]}'
                for row in outdated) + '.'
        ]
    if missing:
        lines += ['', f'{len(missing)} run(s) are yet to be executed.']
    return lines


def _score(part: str, choice: str, name: str) -> Value:
    return lambda row: row[part].get(choice, {}).get(name)


def _gradient_ratio(row: dict, quarter: int) -> Optional[float]:
    monitors = row.get('monitors', {})
    if not {'gradient_contrast', 'gradient_pseudo'} <= set(monitors):
        return None
    contrast = monitors['gradient_contrast'][quarter]
    pseudo = monitors['gradient_pseudo'][quarter]
    return contrast / pseudo if contrast is not None and pseudo else None


def _values(rows: Sequence[dict], value: Value) -> List[float]:
    return [found for found in map(value, rows) if found is not None]


def _spread(rows: Sequence[dict],
            value: Value,
            wanted: int,
            form: str = '.1f') -> str:
    """Mean ± sample standard deviation, and how many if fewer than wanted."""
    values = _values(rows, value)
    if not values:
        return _NOTHING
    text = format(mean(values), form)
    if len(values) > 1:
        text += f' ± {format(stdev(values), form.lstrip("+"))}'
    if len(values) < wanted:
        text += f' ({len(values)})'
    return text


def _line(cells: Sequence[str]) -> str:
    return f'| {" | ".join(cells)} |'


def _rule(columns: int) -> str:
    return '|---' * (columns + 1) + '|'
