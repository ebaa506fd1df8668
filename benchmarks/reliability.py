# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Attack trainings, checkpoints, inputs and data, and count what holds.

    python benchmarks/reliability.py --json reliability.json
    python benchmarks/reliability.py --parts kills --kills 12
"""
import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Dict, List

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from prettytable import PrettyTable  # noqa: E402

from prcl_mmseg.engine.resume import find_resumable  # noqa: E402

ITERATIONS = 24
# Often a checkpoint, so that kills often fall into its writing.
CONFIG = '''
_base_ = {base!r}
train_cfg = dict(max_iters={iterations}, val_interval=8)
randomness = dict(seed=0)
param_scheduler = [dict(type='PolyLR', power=0.9, by_epoch=False)]
default_hooks = dict(
    logger=dict(interval=1), checkpoint=dict(interval=2, max_keep_ckpts=2))
train_dataloader = dict(batch_size=2, num_workers={workers},
                        persistent_workers={workers} > 0)
val_dataloader = dict(num_workers=0, persistent_workers=False)
'''


def train(config: Path, work_dir: Path, log: Path) -> subprocess.Popen:
    with open(log, 'ab') as output:
        return subprocess.Popen(
            [
                sys.executable,
                str(ROOT / 'tools/train.py'),
                str(config), '--work-dir',
                str(work_dir), '--resume'
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, OMP_NUM_THREADS='1'),
            start_new_session=True)


def wait_for_kill(process: subprocess.Popen, work_dir: Path,
                  rng: random.Random, writing: bool) -> bool:
    """Kill a training while it trains, or while it writes.

    Returns:
        bool: Whether it was killed before its end.
    """
    known = set(work_dir.glob('*.pth'))
    # From here on there is something to lose.
    while process.poll() is None and not set(work_dir.glob('*.pth')) - known:
        time.sleep(0.005)
    pause = time.monotonic() + rng.uniform(0, 4)
    while process.poll() is None and time.monotonic() < pause:
        time.sleep(0.005)
    while writing and process.poll() is None and \
            not list(work_dir.glob('*.part')):
        time.sleep(0.0002)
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def attack_by_kills(folder: Path, count: int, seed: int) -> List[dict]:
    """Kill a small real training again and again, and compare its end."""
    rows = []
    for workers in (0, 2):
        home = folder / f'workers{workers}'
        home.mkdir(parents=True)
        config = home / 'kills.py'
        config.write_text(
            CONFIG.format(
                base=str(ROOT / 'configs/prcl/prcl_demo.py'),
                iterations=ITERATIONS,
                workers=workers))
        whole = train(config, home / 'whole', home / 'whole.log')
        if whole.wait():
            raise SystemExit(f'the training fails; see {home}/whole.log')
        rng = random.Random(seed + workers)
        row = dict(part='kills', workers=workers, kills=0, while_writing=0,
                   resumed=0, trainings=0, equal=0)
        while row['kills'] < count // 2:
            _kill_one_training(home, config, rng, count // 2, row)
        equal = f'{row.pop("equal")} of {row["trainings"]}'
        # Workers draw their crops in an order of their own.
        rows.append(dict(row, bit_equal='-' if workers else equal))
    return rows


def _kill_one_training(home: Path, config: Path, rng: random.Random,
                       wanted: int, row: dict) -> None:
    """Kill one training up to four times, then let it end."""
    work = home / f'cut{row["trainings"]}'
    log = work.with_suffix('.log')
    row['trainings'] += 1
    for _ in range(min(4, wanted - row['kills'])):
        process = train(config, work, log)
        if not wait_for_kill(process, work, rng, rng.random() < 0.5):
            break
        row['kills'] += 1
        row['while_writing'] += bool(list(work.glob('*.part')))
        start = find_resumable(str(work))
        row['resumed'] += start is not None
    process = train(config, work, log)
    if process.wait():
        raise SystemExit(f'{work} does not end; see {log}')
    row['equal'] += _equal(home / 'whole', work)
    print(row, flush=True)


def _equal(one: Path, other: Path) -> bool:
    name = f'iter_{ITERATIONS}.pth'
    first, second = (
        torch.load(folder / name)['state_dict'] for folder in (one, other))
    return first.keys() == second.keys() and all(
        value.equal(second[key]) for key, value in first.items())


def run_tests(part: str, *paths: str, **environment: str) -> List[dict]:
    """Let pytest attack, and count outcomes."""
    result = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider',
         *paths],
        cwd=ROOT,
        env=dict(os.environ, OMP_NUM_THREADS='1', **environment),
        capture_output=True,
        text=True)
    counts: Dict[str, int] = {
        outcome: int(number) for number, outcome in re.findall(
            r'(\d+) (passed|failed|skipped|error)',
            result.stdout.strip().splitlines()[-1])
    }
    failed = counts.get('failed', 0) + counts.get('error', 0)
    if failed:
        print(result.stdout, file=sys.stderr)
    return [
        dict(part=part, cases=counts.get('passed', 0) + failed,
             fell=failed, **environment)
    ]


def print_table(rows: List[dict]) -> None:
    for part in dict.fromkeys(row['part'] for row in rows):
        some = [row for row in rows if row['part'] == part]
        table = PrettyTable(list(some[0]))
        table.add_rows([list(row.values()) for row in some])
        print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ('kills', 'hostile', 'inputs', 'fuzz')
    parser.add_argument('--parts', nargs='+', choices=parts, default=parts)
    parser.add_argument('--kills', type=int, default=40)
    parser.add_argument('--examples', type=int, default=20000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', type=Path, help='write the rows here')
    parser.add_argument('--work-dir', type=Path, help='of the trainings')
    args = parser.parse_args()
    rows = []
    for part in args.parts:
        if part == 'kills':
            folder = args.work_dir or Path(mkdtemp(prefix='reliability_'))
            rows += attack_by_kills(folder, args.kills, args.seed)
        elif part == 'hostile':
            rows += run_tests(part,
                              'tests/test_tools/test_hostile_checkpoints.py')
        elif part == 'inputs':
            rows += run_tests(
                part, 'tests/test_integration/test_bad_input_table.py')
        else:
            rows += run_tests(
                part,
                'tests/test_datasets/test_fuzz.py',
                PRCL_MMSEG_FUZZ_EXAMPLES=str(args.examples))
        print_table(rows)
        if args.json is not None:
            args.json.write_text(json.dumps(rows, indent=1))


if __name__ == '__main__':
    main()
