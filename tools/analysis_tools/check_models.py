# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Train, predict and export one step of many networks, and tabulate it.

Without names it takes MMSegmentation's own ``_base_/models`` and those of this
repository. Each network runs in a fresh process, so that its peak memory is
its own. Weights are random: nothing is downloaded.
"""
import argparse
import fnmatch
import json
import os.path as osp
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import mmseg
import torch
from mmengine.config import Config

from prcl_mmseg.engine.model_check import check_model, one_line

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / '_base_'
# What is not in a model's file but in all leaf configs that use it.
COMPLETIONS = {
    'fpn_poolformer_s12': {'neck.in_channels': [64, 128, 320, 512]},
    'upernet_convnext': {'auxiliary_head.in_channels': 512},
}
# Networks that can't take the crop of the others.
CROPS = {'lraspp_m-v3-d8': 385, '*_dinov2-*': 126}
RESULT = 'RESULT '


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'names',
        nargs='*',
        help='names or globs of model files ("ocrnet*"), or paths to them')
    parser.add_argument(
        '--method',
        default='prcl',
        choices=['prcl', 'mean_teacher', 'supervised'])
    parser.add_argument(
        '--crop',
        type=int,
        help='side of the training images; default 129, odd as the 321 of '
        'VOC, and more where the network needs it')
    parser.add_argument(
        '--timeout', type=int, default=900, help='seconds for each network')
    parser.add_argument(
        '--json', action='store_true', help='print JSON, not a table')
    parser.add_argument('--out', help='write the table to this Markdown file, '
                        'behind the text up to its marker if it exists')
    parser.add_argument('--worker', action='store_true',
                        help=argparse.SUPPRESS)
    return parser.parse_args()


def find_models() -> Dict[str, Path]:
    """All model files by name, MMSegmentation's first."""
    package = Path(mmseg.__file__).parent
    for configs in (package / '.mim' / 'configs', package.parent / 'configs'):
        if configs.is_dir():
            break
    folders = [configs / '_base_' / 'models', CONFIGS / 'models']
    return {
        path.stem: path
        for folder in folders for path in sorted(folder.glob('*.py'))
    }


def select(names: List[str], models: Dict[str, Path]) -> Dict[str, Path]:
    """The models that names, globs or paths mean; all without any.

    Raises:
        ValueError: For a name that means none.
    """
    selected = {}
    for name in names or ['*']:
        if osp.isfile(name):
            selected[Path(name).stem] = Path(name)
            continue
        found = fnmatch.filter(models, name.removesuffix('.py'))
        if not found:
            raise ValueError(f'no model file is called {name!r}; there are '
                             f'{", ".join(models)}')
        selected.update({stem: models[stem] for stem in found})
    return selected


def crop_of(name: str, crop: int) -> int:
    """Side of the training images for one network."""
    if crop is not None:
        return crop
    for pattern, own in CROPS.items():
        if fnmatch.fnmatch(name, pattern):
            return own
    return 129


def check_file(path: Path, method: str, crop: int) -> dict:
    """Check the network of one model file in this process."""
    torch.manual_seed(0)
    try:
        cfg = Config.fromfile(path)
        segmentor = Config(cfg.model.to_dict())
        segmentor.merge_from_dict(COMPLETIONS.get(path.stem, {}))
        if 'data_preprocessor' not in segmentor:
            segmentor.data_preprocessor = cfg.data_preprocessor.to_dict()
        method = Config.fromfile(CONFIGS / 'methods' / f'{method}.py').method
    except Exception as error:
        return dict(train=False, predict=False, export=False,
                    reason=one_line(error))
    return check_model(segmentor._cfg_dict, method, (crop, crop))


def check_in_process(path: Path, args: argparse.Namespace) -> dict:
    """Check the network of one model file in a fresh process."""
    crop = crop_of(path.stem, args.crop)
    command = [
        sys.executable, __file__,
        str(path), '--worker', '--method', args.method, '--crop',
        str(crop)
    ]
    result = dict(name=path.stem, crop=crop, train=False, predict=False,
                  export=False)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=args.timeout)
    except subprocess.TimeoutExpired:
        return dict(result, reason=f'not done after {args.timeout} s')
    lines = [line for line in done.stdout.splitlines()
             if line.startswith(RESULT)]
    if not lines:
        last = (done.stderr.strip().splitlines() or ['no output'])[-1]
        return dict(result, reason=f'exit code {done.returncode}: {last}')
    return dict(result, **json.loads(lines[-1][len(RESULT):]))


COLUMNS = ('model', 'decode head', 'tap', 'channels', 'stride', 'crop',
           'train', 'predict', 'export', 'unused', 'params (M)',
           'memory (GiB)')


def table(results: List[dict]) -> str:
    """Markdown: those that work, then those that can't, with the reason."""
    rows = ['| ' + ' | '.join(COLUMNS) + ' |', '|---' * len(COLUMNS) + '|']
    failed = []
    for result in results:
        if not result['export']:
            failed.append(f'| {result["name"]} | {stage(result)} | '
                          f'{result["reason"]} |')
            continue
        cells = [
            result['name'], result['head'], result['tap'] or '-',
            result['channels'] or '-', result['stride'] or '-',
            result['crop'], 'yes', 'yes', 'yes', result['unused'],
            f'{result["parameters"]:.1f}', f'{result["memory"]:.1f}'
        ]
        rows.append('| ' + ' | '.join(map(str, cells)) + ' |')
    if failed:
        rows += ['', '| model | cannot | reason |', '|---|---|---|', *failed]
    return '\n'.join(rows)


def stage(result: dict) -> str:
    """The first step that did not work."""
    return next(name for name in ('train', 'predict', 'export')
                if not result[name])


def write(path: str, text: str) -> None:
    """Replace what follows the marker line in a file, or write a new one."""
    marker = '<!-- written by tools/analysis_tools/check_models.py -->\n'
    end = '<!-- end -->\n'
    before = after = ''
    if osp.isfile(path):
        before, found, rest = Path(path).read_text().partition(marker)
        if not found:
            raise ValueError(f'--out {path}: it has no line {marker.strip()}; '
                             'add it, or name a new file')
        after = rest.partition(end)[2]
    Path(path).write_text(f'{before}{marker}\n{text}\n\n{end}{after}')


def main() -> int:
    args = parse_args()
    if args.worker:
        path = Path(args.names[0])
        print(RESULT + json.dumps(check_file(path, args.method, args.crop)))
        return 0
    try:
        selected = select(args.names, find_models())
    except ValueError as error:
        sys.exit(f'check_models: {error}')
    results = []
    for path in selected.values():
        results.append(check_in_process(path, args))
        print(
            f'{path.stem}: {results[-1]["reason"] or "ok"}', file=sys.stderr,
            flush=True)
    print(json.dumps(results, indent=2) if args.json else table(results))
    if args.out:
        write(args.out, table(results))
    return 0


if __name__ == '__main__':
    sys.exit(main())
