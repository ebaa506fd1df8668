# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The page of a training."""
import importlib.util
import json
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from prcl_mmseg.visualization.run_charts import (CHARTS, class_table,
                                                 draw_chart, series_of)
from prcl_mmseg.visualization.run_scalars import Series, read_scalars

TOOL = Path(__file__).resolve().parents[2] / 'tools/analysis_tools/run_page.py'


def write(work_dir: Path, time: str, rows: list, end: str = '\n') -> None:
    folder = work_dir / time / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(
        '\n'.join(map(json.dumps, rows)) + end)


@pytest.fixture
def work_dir(tmp_path) -> Path:
    """A training that was cut after 300 iterations and resumed from 200."""
    write(tmp_path, '20260101_000000', [
        dict(iter=step, step=step, loss=3 - step / 100, loss_contrast=0.5,
             gradient_contrast=1e-3, time=0.5)
        for step in (100, 200, 300)] + [
            {'mIoU': 20.5, 'teacher/mIoU': 20.5, 'student/mIoU': 18,
             'step': 200, 'time': 9.0, 'data_time': 8.0}],
          end='\n{"loss": 0.1, "st')
    write(tmp_path, '20260101_010000', [
        dict(iter=step, step=step, loss=9 - step / 100, loss_contrast=0.25)
        for step in (300, 400)] + [
            {'health/labelled_percent/<sky>': 80.0, 'iter': 400, 'step': 400},
            {'mIoU': 30.25, 'teacher/mIoU': 30.25, 'student/mIoU': 31,
             'IoU/a/b': 7.0, 'teacher/IoU/a/b': 7.0, 'student/IoU/a/b': 8.0,
             'loss': float('nan'), 'step': 400}])
    pictures = tmp_path / '20260101_010000/vis_data/vis_image'
    pictures.mkdir()
    for step in (100, 200, 1000):
        cv2.imwrite(str(pictures / f'uncertainty_val_{step}.png'),
                    np.full((20, 3000, 3), step % 256, np.uint8))
    return tmp_path


def test_later_files_replace_what_was_done_again(work_dir):
    scalars = read_scalars(work_dir)
    assert scalars['loss'] == Series([100, 200, 300, 400], [2, 1, 6, 5])
    assert scalars['gradient_contrast'].steps == [100, 200]
    assert scalars['mIoU'] == Series([200, 400], [20.5, 30.25])
    # Not the time that a validation takes for an image.
    assert scalars['time'] == Series([100, 200], [0.5, 0.5])
    assert 'data_time' not in scalars
    assert class_table(scalars) == {
        'labelled %': {'<sky>': 80.0}, 'IoU % teacher': {'a/b': 7.0},
        'IoU % student': {'a/b': 8.0}}


def test_a_validation_that_is_taken_again_replaces_no_iteration(tmp_path):
    write(tmp_path, '20260101_000000', [
        dict(iter=step, step=step, loss=step) for step in (100, 200)])
    write(tmp_path, '20260101_010000', [
        dict(mIoU=20.0, step=200), dict(iter=300, step=300, loss=300)])
    scalars = read_scalars(tmp_path)
    assert scalars['loss'].steps == [100, 200, 300]
    assert scalars['mIoU'] == Series([200], [20.0])


def test_one_network_has_one_column_of_class_scores():
    scalars = {'IoU/sky': Series([1, 2], [3.0, 4.0]), 'mIoU': Series([1], [3])}
    assert class_table(scalars) == {'IoU %': {'sky': 4.0}}


def test_nothing_to_show(tmp_path):
    (tmp_path / 'x/vis_data').mkdir(parents=True)
    (tmp_path / 'x/vis_data/scalars.json').write_text('')
    with pytest.raises(FileNotFoundError, match='LocalVisBackend'):
        read_scalars(tmp_path)


def test_charts_pick_their_numbers(work_dir):
    scalars = read_scalars(work_dir)
    scalars['decode.loss_ce'] = scalars['aux.acc_seg'] = scalars['loss']
    picked = {chart.title: list(series_of(chart, scalars))
              for chart in CHARTS}
    assert picked['mIoU in validation, %'] == ['teacher/mIoU', 'student/mIoU']
    assert picked['Losses'] == ['loss', 'loss_contrast', 'decode.loss_ce']
    assert not picked['Learning rate']


def test_a_chart_has_the_colour_of_the_page(work_dir):
    chart = CHARTS[3]
    svg = draw_chart(chart, series_of(chart, read_scalars(work_dir)))
    root = ElementTree.fromstring(
        svg.replace('<!-- Created', '<!-- '))
    assert 'width' not in root.attrib and 'viewBox' in root.attrib
    assert 'currentColor' in svg and '#00000' not in svg
    assert 'gradient_contrast' in svg


class Page(HTMLParser):

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.sources, self.text = [], [], ''
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.sources += [value for name, value in attrs
                         if name in ('src', 'href') and value]

    def handle_data(self, data) -> None:
        self.text += data


def make(work_dir: Path, monkeypatch, *options) -> None:
    spec = importlib.util.spec_from_file_location('run_page_tool', TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(sys, 'argv', ['run_page.py', str(work_dir),
                                      *map(str, options)])
    tool.main()


def test_page_is_one_file(work_dir, monkeypatch):
    make(work_dir, monkeypatch, '--max-sheets', 2)
    text = (work_dir / 'run.html').read_text(encoding='utf-8')
    page = Page(text)
    # mIoU, losses, gradients, seconds.
    assert page.tags.count('svg') == 4
    assert '30.25 % after iteration 400' in page.text
    assert '<sky>' in page.text and '<sky>' not in text
    # Nothing is fetched: pictures are inside, the rest are parts of charts.
    assert all(source.startswith(('data:image/jpeg', '#'))
               for source in page.sources)
    assert 'uncertainty_val_1000' in page.text
    assert 'uncertainty_val_100' not in page.text.split()
    assert page.tags.count('img') == 2


def test_what_is_missing_is_told(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match='no TIMESTAMP/vis_data'):
        make(tmp_path, monkeypatch)
