# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Grids of feigned runs: order, interruption, resuming, failures."""
import importlib.util
import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from experiments.process import locked
from feigned import CONFIG, GRID, TEST, TRAIN

ROOT = Path(__file__).resolve().parents[2]
WORK = Path('work_dirs/benchmark/grid')


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """The tool, with feigned trainings and tests, in an empty folder."""
    monkeypatch.setattr(sys, 'path', list(sys.path))
    spec = importlib.util.spec_from_file_location(
        'prcl_tool_benchmark', ROOT / 'tools/benchmark.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tools = tmp_path / 'tools'
    tools.mkdir()
    (tools / 'train.py').write_text(TRAIN)
    (tools / 'test.py').write_text(TEST)
    monkeypatch.setattr(tool, 'TOOLS', tools)
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    monkeypatch.chdir(tmp_path)
    return tool


@pytest.fixture
def grid(tmp_path):
    """A function that writes a grid and its configs and gives its path."""
    for name in ('small0', 'small1', 'unlabeled', 'val', 'test'):
        (tmp_path / f'{name}.txt').write_text('a.png a_mask.png\n')

    def write(extra: str = '', content: str = GRID) -> str:
        for name, quality in (('plain', [50, 40]), ('better', [51, 60])):
            (tmp_path / f'{name}.py').write_text(
                CONFIG.format(quality=quality, data=str(tmp_path)))
        path = tmp_path / 'grid.py'
        path.write_text(content + extra)
        return str(path)

    return write


@pytest.fixture
def row(tmp_path):
    """A function that reads the row of a run."""

    def read(method: str, split: str = 'small', seed: int = 0) -> dict:
        path = tmp_path / f'benchmarks/results/grid/{method}_{split}_seed'
        return json.loads(Path(f'{path}{seed}.json').read_text())

    return read


def train_log(method: str) -> str:
    """The log of a run's training."""
    paths = list(WORK.glob(f'{method}/small/seed0_*/train.log'))
    assert len(paths) == 1, paths
    return paths[0].read_text()


def steps(method: str) -> list:
    return [int(step) for step in re.findall(r'STEP (\d)', train_log(method))]


def behave(what: str, step: int, method: str = 'better') -> str:
    """Let a method fail or wait in a step until the file 'go' is there."""
    return (f"methods['{method}']['cfg_options'] = dict(behaviour=dict("
            f"what='{what}', step={step}, until='go'))\n")


def test_scores_go_into_one_row_per_run(benchmark, grid, row):
    assert benchmark.main(['run', grid('pseudo_labels = True\n')]) == 0
    plain, better = row('plain'), row('better')
    assert plain['status'] == better['status'] == 'done'
    # The last checkpoint of `plain` is worse than the first.
    assert plain['val']['last'] == {
        'step': 4, 'mIoU': 40, 'teacher/mIoU': 40, 'student/mIoU': 39}
    assert plain['val']['best']['step'] == 2
    assert [point['mIoU'] for point in plain['val']['curve']] == [50, 40]
    assert plain['test']['last'] == {
        'step': 4, 'mIoU': 30, 'aAcc': 90.0, 'AUROC/variance': 0.75,
        'class_iou': {'cat': 31, 'dog': 29, 'none': None}}
    assert plain['test']['best']['mIoU'] == 40
    assert better['test']['best'] == better['test']['last']
    assert plain['pseudo_labels']['mIoU'] == 33
    assert plain['seconds_per_iter'] == pytest.approx(0.25)
    assert plain['peak_memory_mib'] == 104
    assert plain['config']['randomness']['seed'] == 0
    assert not plain['val_is_test']
    # The last and the best are kept.
    kept = sorted(path.name for path in WORK.glob('plain/**/*.pth'))
    assert kept == ['best_mIoU_iter_2.pth', 'iter_4.pth']


def test_what_is_done_is_skipped(benchmark, grid, capsys):
    path = grid()
    benchmark.main(['run', path])
    os.remove('tools/train.py')
    os.remove('tools/test.py')
    capsys.readouterr()
    assert benchmark.main(['run', path]) == 0
    printed = capsys.readouterr().out
    assert printed.count(': done\n') == 2
    assert '0 of 2 runs to execute' in printed


def test_an_interrupted_grid_goes_on(benchmark, grid, row, capsys):
    """Cut in the middle of the second run, after its first checkpoint."""
    path = grid(behave('wait', 3))

    def cut() -> None:
        while not list(WORK.glob('better/**/waits')):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=cut, daemon=True).start()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        assert benchmark.main(['run', path]) == 130
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert 'goes on where it was cut' in capsys.readouterr().err
    assert row('plain')['status'] == 'done'
    with pytest.raises(FileNotFoundError):
        row('better')
    pid = int(re.search(r'PID (\d+)', train_log('better'))[1])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert steps('better') == [1, 2]

    Path('go').touch()
    capsys.readouterr()
    benchmark.main(['run', path, '--dry-run'])
    planned = capsys.readouterr().out
    assert 'plain, split small, seed 0: done' in planned
    assert 'better, split small, seed 0: goes on at iteration 2' in planned
    assert benchmark.main(['run', path]) == 0
    assert steps('plain') == steps('better') == [1, 2, 3, 4]
    curve = row('better')['val']['curve']
    assert [point['mIoU'] for point in curve] == [51, 60]


def test_a_failed_run_is_reported_and_does_not_stop_the_grid(
        benchmark, grid, row, capsys):
    path = grid(behave('fail', 3, 'plain'))
    assert benchmark.main(['run', path]) == 1
    printed = capsys.readouterr().out
    assert '1 done, 1 failed' in printed
    assert 'ValueError: no luck in step 3' in printed
    assert row('better')['status'] == 'done'
    failed = row('plain')
    assert failed['status'] == 'failed'
    assert 'train.log' in failed['error']
    assert failed['error'].endswith('ValueError: no luck in step 3')

    benchmark.main(['report', path])
    report = capsys.readouterr().out
    assert '## Failed' in report
    assert '* plain, split small, seed 0: train.py ended with' in report
    assert '| better | 50.0 |' in report

    Path('go').touch()
    assert benchmark.main(['run', path]) == 0
    assert 'failed before; goes on at iteration 2' in capsys.readouterr().out
    assert steps('plain') == [1, 2, 3, 4]
    assert row('plain')['status'] == 'done'


def test_a_changed_config_runs_anew(benchmark, grid, row, capsys):
    benchmark.main(['run', grid()])
    before = row('plain')
    changed = grid("methods['plain']['cfg_options'] = "
                   "{'quality': [50, 45]}\n")
    capsys.readouterr()
    benchmark.main(['report', changed])
    report = capsys.readouterr().out
    assert '1 of 2 runs are done' in report
    assert 'other lists, are left out: plain/small/0.' in report
    assert benchmark.main(['run', changed]) == 0
    printed = capsys.readouterr().out
    assert 'quality.1: 40 -> 45' in printed
    assert 'better, split small, seed 0: done' in printed
    after = row('plain')
    assert after['test']['last']['mIoU'] == 35
    assert after['work_dir'] != before['work_dir']
    assert Path(before['work_dir'], 'iter_4.pth').exists()


def test_a_changed_list_runs_anew(benchmark, grid, capsys):
    path = grid()
    benchmark.main(['run', path])
    Path('small0.txt').write_text('b.png b_mask.png\n')
    capsys.readouterr()
    benchmark.main(['run', path, '--dry-run'])
    assert '2 of 2 runs to execute' in (printed := capsys.readouterr().out)
    assert 'another experiment (the lists of images)' in printed
    with pytest.raises(SystemExit):
        benchmark.main(['report', path])
    assert '2 are of an earlier config, or of' in capsys.readouterr().err
    # Without the lists, nobody can tell.
    Path('small0.txt').unlink()
    benchmark.main(['report', path])
    assert '2 of 2 runs are done' in capsys.readouterr().out


def test_a_list_that_is_not_there_is_told(benchmark, grid, capsys):
    path = grid("splits['small']['labeled'] = 'nowhere.txt'\n")
    benchmark.main(['run', path, '--dry-run'])
    printed = capsys.readouterr().out
    assert re.search(r'seed 0: to do; there is no \S*/nowhere.txt\n', printed)


def test_runs_side_by_side_share_the_cores(benchmark, grid, monkeypatch):
    """Each waits for the other to have begun."""
    extra = ''.join(
        f"methods['{one}']['cfg_options'] = dict(behaviour=dict(what='wait', "
        f"step=1, until='{other}_began'))\n"
        for one, other in (('plain', 'better'), ('better', 'plain')))
    train = Path('tools/train.py')
    train.write_text(
        'import sys\n'
        "name = sys.argv[3].split('/grid/')[1].split('/')[0]\n"
        "open(name + '_began', 'w').close()\n" + train.read_text())
    monkeypatch.setattr(
        os, 'sched_getaffinity', lambda pid: set(range(6)), raising=False)
    assert benchmark.main(['run', grid(extra), '--jobs', '2']) == 0
    assert 'THREADS 3' in train_log('plain')
    assert 'THREADS 3' in train_log('better')


def test_the_threads_asked_for_are_taken(benchmark, grid, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '5')
    benchmark.main(['run', grid(), '--only', 'method=plain'])
    assert 'THREADS 5' in train_log('plain')


@pytest.mark.parametrize('options, executed', [
    (['--dry-run'], set()),
    (['--max-hours', '0'], set()),
    (['--only', 'method=better'], {'better_small_seed0', 'better_small_seed1'
                                   }),
    (['--only', 'seed=1', '--only', 'method=plain,better'],
     {'plain_small_seed1', 'better_small_seed1'}),
])
def test_parts_of_a_grid(benchmark, grid, options, executed):
    assert benchmark.main(['run', grid('seeds = [0, 1]\n'), *options]) == 0
    rows = Path('benchmarks/results/grid').glob('*.json')
    assert {path.stem for path in rows} == executed


def test_a_run_of_another_process_is_left_out(benchmark, grid, capsys):
    path = grid()
    loaded = benchmark.load_grid(path, '.')
    executor = benchmark.Executor(Path('tools'), WORK.parent)
    with locked(executor.work_dir(loaded.runs[0])):
        assert benchmark.main(['run', path]) == 0
    assert '1 done, 0 failed, 1 in use, 0 left' in capsys.readouterr().out


def test_what_is_left_out_for_lack_of_time_is_said(benchmark, grid, capsys):
    benchmark.main(['run', grid(), '--max-hours', '0'])
    assert '0 done, 0 failed, 0 in use, 2 left' in capsys.readouterr().out


@pytest.mark.parametrize('arguments, message', [
    (['run', 'nowhere.py'], "grid 'nowhere.py' does not exist"),
    (['run', 'grid.py', '--only', 'method=best'],
     "has no method 'best'; it has plain, better"),
    (['run', 'grid.py', '--only', 'plain'], 'write KEY=VALUE'),
    (['run', 'grid.py', '--jobs', '0'], '--jobs must be at least 1'),
    (['report', 'grid.py'], 'has no result to report'),
])
def test_wrong_arguments(benchmark, grid, capsys, arguments, message):
    grid()
    with pytest.raises(SystemExit) as error:
        benchmark.main(arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('lacks', [
    None, 'method', 'status', 'data_hash', 'test', 'versions', 'val_is_test'])
@pytest.mark.parametrize('command', ['run', 'report'])
def test_a_spoilt_row_is_named(benchmark, grid, capsys, lacks, command):
    path = grid()
    file = Path('benchmarks/results/grid/plain_small_seed0.json')
    file.parent.mkdir(parents=True)
    row = dict(method='plain', split='small', seed=0, status='done',
               config_hash='', data_hash='', test=dict(last={}), val={},
               versions={}, val_is_test=False)
    row.pop(lacks, None)
    file.write_text(json.dumps(row) if lacks else '{')
    with pytest.raises(SystemExit):
        benchmark.main([command, path])
    assert 'plain_small_seed0.json is no result' in capsys.readouterr().err
