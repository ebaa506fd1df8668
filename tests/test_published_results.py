# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The tables in README and docs say what the files of results say."""
import json
from pathlib import Path
from statistics import mean, stdev

import pytest

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks/results/camvid'
NAMES = dict(
    supervised='supervised',
    mean_teacher='mean teacher',
    prcl_reference='PRCL, published arithmetic',
    prcl_deterministic='PRCL, points instead of distributions',
    prcl='PRCL')
SPLITS = ('n6', 'n12', '1-16')


def spread(method: str, split: str, choice: str) -> str:
    scores = [
        json.loads((RESULTS / f'{method}_{split}_seed{seed}.json').read_text(
            encoding='utf-8'))['test'][choice]['mIoU'] for seed in range(3)
    ]
    return f'{mean(scores):.1f} ± {stdev(scores):.1f}'


def tables(page: str, *starts: str) -> list:
    """Rows that begin so, as lists of cells without emphasis."""
    lines = (ROOT / page).read_text(encoding='utf-8').splitlines()
    rows = [[cell.strip().replace('*', '') for cell in line.split('|')[1:-1]]
            for line in lines if line.startswith('|')]
    return [row[1:] for row in rows if row and row[0] in starts]


@pytest.mark.parametrize('method', NAMES)
def test_readme(method):
    expected = [
        ' / '.join(spread(method, split, choice)
                   for choice in ('last', 'best')) for split in SPLITS
    ]
    assert expected in tables('README.md', NAMES[method])


@pytest.mark.parametrize('choice', ['last', 'best'])
@pytest.mark.parametrize('method', NAMES)
def test_page_of_experiments(method, choice):
    rows = tables('docs/experiments.md', NAMES[method],
                  f'{NAMES[method]} (`reference`)')
    expected = [spread(method, split, choice) for split in SPLITS]
    assert rows[('last', 'best').index(choice)] == expected
