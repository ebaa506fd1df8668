# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Let a trained model choose what to label next, as lists for a grid.

    python benchmarks/choose_labels.py benchmarks/results/msrc \
        --method prcl --split n20 --count 20

Takes the finished runs of a grid with this method and split, and writes below
``work_dirs/choose_labels/CRITERION_seedS/`` their labelled list with the
chosen images added, and the unlabelled list without them. The masks of the
unlabelled images must be in the list that the grid names.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import List

ROOT = Path(__file__).resolve().parents[1]
TOOL = ROOT / 'tools/analysis_tools/label_next.py'
CRITERIA = ('random', 'entropy', 'margin', 'variance', 'posterior', 'views',
            'entropy-diverse', 'posterior-diverse', 'random-diverse')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('results', type=Path, help='folder of a grid')
    parser.add_argument('--method', default='prcl')
    parser.add_argument('--split', default='n20')
    parser.add_argument('--count', type=int, default=20)
    parser.add_argument('--by', nargs='+', default=CRITERIA)
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/choose_labels'))
    return parser.parse_args()


def read_list(dataset: dict) -> List[str]:
    path = Path(dataset['data_root']) / dataset['ann_file']
    return path.read_text(encoding='utf-8').splitlines()


def checkpoint_of(row: dict) -> Path:
    return Path(row['work_dir']) / f"iter_{row['max_iters']}.pth"


def choose(row: dict, by: str, count: int, folder: Path) -> None:
    """Run the tool for one run, and write both lists."""
    criterion, _, diverse = by.partition('-')
    checkpoint = checkpoint_of(row)
    subprocess.run([
        sys.executable,
        str(TOOL),
        str(checkpoint.with_name('config.py')),
        str(checkpoint), '--count',
        str(count), '--by', criterion, '--seed',
        str(row['seed']), '--overwrite', '--out',
        str(folder / 'chosen'), '--diverse' if diverse else '--no-diverse'
    ], check=True)
    chosen = set((folder / 'chosen/label_next.txt').read_text(
        encoding='utf-8').splitlines())
    parts = row['config']['train_dataloader']['dataset']
    labeled, unlabeled = (read_list(parts[name])
                          for name in ('labeled', 'unlabeled'))
    added = [line for line in unlabeled if line.split()[0] in chosen]
    assert len(added) == count, (len(added), count)
    rest = [line for line in unlabeled if line not in added]
    for name, lines in (('labeled', labeled + added), ('unlabeled', rest)):
        (folder / f'{name}.txt').write_text(
            '\n'.join(lines) + '\n', encoding='utf-8')


def main() -> None:
    args = parse_args()
    pattern = f'{args.method}_{args.split}_seed*.json'
    for path in sorted(args.results.glob(pattern)):
        row = json.loads(path.read_text(encoding='utf-8'))
        for by in args.by:
            folder = args.out / f"{by}_seed{row['seed']}"
            # Lists of another model or count are replaced.
            source = f'{args.count} by {checkpoint_of(row)}\n'
            told = folder / 'source.txt'
            if told.is_file() and told.read_text(encoding='utf-8') == source:
                continue
            choose(row, by, args.count, folder)
            told.write_text(source, encoding='utf-8')
            print(f'Written: {folder}', flush=True)


if __name__ == '__main__':
    main()
