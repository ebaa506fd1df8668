# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Compare methods: execute a grid of runs, then report their scores.

    python tools/benchmark.py run benchmarks/grids/demo.py --jobs 2
    python tools/benchmark.py report benchmarks/grids/demo.py
    python tools/benchmark.py plot benchmarks/grids/demo.py --out demo.png
"""
import argparse
import signal
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / 'tools'
sys.path[:0] = [str(ROOT), str(ROOT / 'benchmarks')]

# First of all, to say so if the packages below don't fit.
import prcl_mmseg  # noqa: E402, F401

from experiments import (  # noqa: E402
    Executor, Grid, Run, Schedule, load_grid, load_rows, plot_rows,
    threads_per_run, write_report)
from experiments.config_lists import missing_lists  # noqa: E402
from experiments.rows import difference, load_row  # noqa: E402


def parse_args(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    run = commands.add_parser(
        'run', help='execute what is missing of a grid')
    report = commands.add_parser('report', help='compare the methods')
    plot = commands.add_parser('plot', help='draw mIoU over the splits')
    for command in (run, report, plot):
        command.add_argument('grid', help='grid file')
        command.add_argument(
            '--results',
            type=Path,
            default=Path('benchmarks/results'),
            help='folder of the results, one folder per grid')
    run.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/benchmark'),
        help='folder of logs and checkpoints')
    run.add_argument(
        '--only',
        action='append',
        default=[],
        metavar='KEY=VALUE[,VALUE]',
        help='restrict method, split or seed; may be repeated')
    run.add_argument(
        '--jobs', type=int, default=1, help='runs at a time')
    run.add_argument(
        '--max-hours',
        type=float,
        default=float('inf'),
        help='start no run later than this')
    run.add_argument(
        '--dry-run', action='store_true', help='say what would be executed')
    report.add_argument(
        '--baseline',
        help='method to subtract from the others; by default the first')
    report.add_argument(
        '--out', type=Path, help='write the report here, too')
    plot.add_argument(
        '--methods', nargs='+', help='which ones; all by default')
    plot.add_argument(
        '--out', type=Path, required=True, help='image to write')
    args = parser.parse_args(arguments)
    args.parser = parser
    if args.command == 'run' and args.jobs < 1:
        parser.error(f'--jobs must be at least 1, but is {args.jobs}')
    return args


def parse_only(items: Sequence[str]) -> Dict[str, List[str]]:
    """Read ``key=value,value`` items."""
    wanted: Dict[str, List[str]] = {}
    for item in items:
        key, equals, values = item.partition('=')
        if not equals:
            raise ValueError(f'--only {item}: write KEY=VALUE, as in '
                             '--only method=prcl')
        wanted.setdefault(key, []).extend(values.split(','))
    return wanted


def plan(runs: Sequence[Run], executor: Executor,
         results: Path) -> Dict[Run, str]:
    """Say of each run what its results and work dir tell."""
    states = {}
    for run in runs:
        row = load_row(results, run)
        changes = difference(row, run) if row else []
        begun = executor.state(run).resumable()
        state = f'goes on at iteration {begun}' if begun else 'to do'
        lacking = missing_lists(run.config)
        if lacking:
            state = f'{state}; there is no {lacking[0]}'
        if changes:
            more = f' and {len(changes) - 3} more' if changes[3:] else ''
            state = (f'{state}; its result is of another experiment '
                     f'({"; ".join(changes[:3])}{more})')
        elif row:
            state = 'done' if row['status'] == 'done' else \
                f'failed before; {state}'
        states[run] = state
    return states


def run_grid(args: argparse.Namespace, grid: Grid) -> int:
    executor = Executor(TOOLS, args.work_dir)
    results = args.results / grid.name
    states = plan(grid.select(parse_only(args.only)), executor, results)
    for run, state in states.items():
        print(f'{run.title}: {state}')
    todo = [run for run, state in states.items() if state != 'done']
    print(f'{len(todo)} of {len(states)} runs to execute, {args.jobs} at a '
          f'time with {threads_per_run(args.jobs)} thread(s) each',
          flush=True)
    if args.dry_run or not todo:
        return 0
    schedule = Schedule(
        executor, results, args.jobs, args.max_hours,
        lambda line: print(line, flush=True))
    outcomes = schedule.run(todo)
    print(', '.join(f'{len(some)} {outcome}'
                    for outcome, some in outcomes.items()) +
          f'; results are in {results}')
    return 1 if outcomes['failed'] else 0


def report_grid(args: argparse.Namespace, grid: Grid) -> int:
    rows, outdated, missing = load_rows(grid, args.results / grid.name)
    text = write_report(grid, rows, outdated, missing, args.baseline)
    print(text, end='')
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text, encoding='utf-8')
    return 0


def plot_grid(args: argparse.Namespace, grid: Grid) -> int:
    rows, _, _ = load_rows(grid, args.results / grid.name)
    plot_rows(grid, rows, args.out, args.methods)
    print(f'Written: {args.out}')
    return 0


def interrupt(*_) -> None:
    raise KeyboardInterrupt


def main(arguments: Optional[Sequence[str]] = None) -> int:
    args = parse_args(arguments)
    try:
        grid = load_grid(args.grid, ROOT)
        if args.command == 'report':
            return report_grid(args, grid)
        if args.command == 'plot':
            return plot_grid(args, grid)
        signal.signal(signal.SIGTERM, interrupt)
        return run_grid(args, grid)
    except (FileNotFoundError, ValueError) as error:
        args.parser.error(str(error))
    except KeyboardInterrupt:
        print('Interrupted; the same command goes on where it was cut.',
              file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main())
