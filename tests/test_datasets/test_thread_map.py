# Copyright (c) prcl_mmseg authors. All rights reserved.
import io
import threading
from functools import partial
from types import SimpleNamespace

import pytest

from prcl_mmseg.datasets import thread_map as module
from prcl_mmseg.datasets.thread_map import thread_map


@pytest.mark.parametrize('count', [0, 1, 64, 65, 700])
@pytest.mark.parametrize('short', [0, 1])
def test_results_come_in_order(count, short, monkeypatch):
    monkeypatch.setattr(module, '_SHORT', short)
    assert list(thread_map(lambda index: -index, count, 'Work')) == [
        -index for index in range(count)]


@pytest.mark.parametrize('seconds, threads', [(1e-4, False), (1e-3, True)])
def test_calls_that_wait_are_made_in_threads(seconds, threads, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(module, 'time',
                        SimpleNamespace(perf_counter=lambda: clock[0]))

    def work(index: int) -> int:
        clock[0] += seconds
        return threading.get_ident()

    main = threading.get_ident()
    found = list(thread_map(work, 200, 'Work'))
    assert (set(found[64:]) != {main}) == threads


def test_the_progress_of_much_work_is_told_in_percent(monkeypatch, printed):
    file = io.StringIO()
    monkeypatch.setattr(module, 'ProgressBar',
                        partial(module.ProgressBar, file=file))
    assert sum(thread_map(lambda index: 1, 5050, 'Counting ones')) == 5050
    assert 'Counting ones: 5050' in printed()
    told = file.getvalue()
    assert '5050/5050' in told and told.count('/5050') <= 103


def test_an_error_ends_the_work(monkeypatch):
    monkeypatch.setattr(module, '_SHORT', 0)
    with pytest.raises(ZeroDivisionError):
        list(thread_map(lambda index: 1 / (index - 300), 1000, 'Work'))
