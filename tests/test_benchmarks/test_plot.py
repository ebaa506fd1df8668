# Copyright (c) prcl_mmseg authors. All rights reserved.
from statistics import mean, stdev

import matplotlib.axes
import matplotlib.image
import pytest
from experiments import plot_rows
from test_report import GRID, make_row

ROWS = [
    make_row('plain', 'n6', 0, 40.0, 42.0),
    make_row('plain', 'n6', 1, 41.0, 42.0),
    make_row('new', 'n6', 0, 43.0, 43.0),
    make_row('plain', '1-16', 0, 60.0, 60.0),
    make_row('new', '1-16', 0, 1.0, 1.0, status='failed'),
]


def test_means_and_deviations_are_drawn(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        matplotlib.axes.Axes, 'errorbar', lambda self, x, y, spread, label,
        **settings: drawn.update({label: (x, y, spread)}))
    plot_rows(GRID, ROWS, tmp_path / 'figure.png')
    assert set(drawn) == {'plain', 'new'}
    places, means, spreads = drawn['plain']
    assert means == (40.5, 60.0) == (mean([40, 41]), 60)
    assert spreads == (stdev([40, 41]), 0)
    assert places[1] - places[0] == pytest.approx(1)
    assert drawn['new'][1] == (43.0, )


@pytest.mark.parametrize('name', ['figure.png', 'figure'])
def test_a_figure_is_written(tmp_path, name):
    path = tmp_path / 'new' / name
    plot_rows(GRID, ROWS, path, ['plain'])
    assert matplotlib.image.imread(path, format='png').std() > 0


@pytest.mark.parametrize('score', [None, 'absent'])
def test_a_run_without_a_test_miou_is_left_out(tmp_path, monkeypatch, score):
    drawn = {}
    monkeypatch.setattr(
        matplotlib.axes.Axes, 'errorbar', lambda self, x, y, spread, label,
        **settings: drawn.update({label: y}))
    row = make_row('plain', 'n6', 2, 40.0, 40.0)
    row['test']['last']['mIoU'] = score
    if score == 'absent':
        del row['test']['last']['mIoU']
    plot_rows(GRID, [*ROWS, row], tmp_path / 'figure.png')
    assert drawn['plain'] == (40.5, 60.0)
    with pytest.raises(ValueError, match='test mIoU to draw'):
        plot_rows(GRID, [row], tmp_path / 'figure.png')


def test_what_can_not_be_drawn_is_named(tmp_path):
    with pytest.raises(ValueError, match="--methods old: .*'toy'.*plain"):
        plot_rows(GRID, ROWS, tmp_path / 'figure.png', ['old'])
    with pytest.raises(ValueError, match="'toy' has no result"):
        plot_rows(GRID, [], tmp_path / 'figure.png')
