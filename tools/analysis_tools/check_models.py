# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Train, predict and export one step of many networks, and tabulate it.

Without names it takes MMSegmentation's own ``_base_/models``, some networks
that have no file there, and those of this repository. Each network runs in a
fresh process, so that its peak memory is its own. Weights are random: nothing
is downloaded.
"""
import argparse
import fnmatch
import json
import os.path as osp
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

# What the libraries say while they are imported must not end in the JSON.
with redirect_stdout(sys.stderr):
    import mmseg
    import torch
    from mmengine.config import Config
    from model_check import check_model, one_line

CONFIGS = ROOT / 'configs' / '_base_'
METHODS = sorted(path.stem for path in (CONFIGS / 'methods').glob('*.py'))
# What is not in a model's file but in all leaf configs that use it.
COMPLETIONS = {
    'fpn_poolformer_s12': {
        'neck.in_channels': [64, 128, 320, 512]
    },
    'upernet_convnext': {
        'auxiliary_head.in_channels': 512
    },
    'upernet_mae': {
        'decode_head.in_channels': [768, 768, 768, 768],
        'auxiliary_head.in_channels': 768
    },
}
# Networks without a model's file; leaf configs hold them.
LEAVES = {
    'ddrnet_23-slim': 'ddrnet/ddrnet_23-slim_*.py',
    'knet-s3_r50-d8_fcn': 'knet/knet-s3_r50-d8_fcn_*.py',
    'pidnet-s': 'pidnet/pidnet-s_*.py',
    'segnext_mscan-t': 'segnext/segnext_mscan-t_*.py',
}
# Odd, as the 321 of VOC, unless the network needs something else.
CROP = 129
CROPS = {'lraspp_*': 385, '*_dinov2-*': 126}
RESULT = 'RESULT '
MARKER = '<!-- {}: {} -->'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'names',
        nargs='*',
        help='names or globs of model files ("ocrnet*"), or paths to them; '
        '"fpn_timm:resnet50" puts a backbone of timm into such a file')
    parser.add_argument(
        '--method',
        default='prcl',
        choices=METHODS,
        help='file of configs/_base_/methods; prcl_unimatch_v2, for one, is '
        'the same contrast beside two strong views and dropped channels')
    parser.add_argument(
        '--crop',
        type=int,
        help=f'side of the training images; default {CROP}, odd as the 321 '
        'of VOC, and what the network needs where it needs something else')
    parser.add_argument(
        '--timeout', type=int, default=900, help='seconds for each network')
    parser.add_argument(
        '--json', action='store_true', help='print JSON, not a table')
    parser.add_argument(
        '--out',
        help='write the table to this Markdown file too; in an existing one, '
        'between its two marker lines')
    parser.add_argument(
        '--marker',
        default='check_models.py',
        help='what the marker lines name; check_models.py by default')
    parser.add_argument(
        '--worker', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_args()


def find_models() -> Dict[str, Path]:
    """All model files by name, MMSegmentation's first."""
    package = Path(mmseg.__file__).parent
    for configs in (package / '.mim' / 'configs', package.parent / 'configs'):
        if configs.is_dir():
            break
    leaves = {
        name: path
        for name, pattern in LEAVES.items() for path in configs.glob(pattern)
    }
    own, theirs = ({path.stem: path for path in sorted(folder.glob('*.py'))}
                   for folder in (CONFIGS / 'models',
                                  configs / '_base_' / 'models'))
    return {**theirs, **leaves, **own}


class Network(NamedTuple):
    """A model file, and maybe another backbone of timm for it."""

    path: Path
    backbone: Optional[str] = None


def select(names: List[str], models: Dict[str, Path]) -> Dict[str, Network]:
    """The networks that names, globs or paths mean; all without any.

    Raises:
        ValueError: For a name that means none.
    """
    selected = {}
    for whole in names or ['*']:
        name, _, backbone = whole.partition(':')
        if osp.isfile(name):
            network = Network(Path(name), backbone or None)
            selected[backbone or network.path.stem] = network
            continue
        found = fnmatch.filter(models, name.removesuffix('.py'))
        if not found:
            raise ValueError(f'no model file is called {name!r}; there are '
                             f'{", ".join(models)}')
        selected.update({
            backbone or stem: Network(models[stem], backbone or None)
            for stem in found
        })
    return selected


def crop_of(name: str, crop: Optional[int]) -> int:
    """Side of the training images for one network."""
    if crop is not None:
        return crop
    for pattern, own in CROPS.items():
        if fnmatch.fnmatch(name, pattern):
            return own
    return CROP


def check_here(network: Network, method: str, crop: int) -> dict:
    """Check a network in this process."""
    torch.manual_seed(0)
    try:
        cfg = Config.fromfile(network.path)
        cfg.merge_from_dict({
            f'model.{key}': value
            for key, value in COMPLETIONS.get(network.path.stem, {}).items()
        })
        if network.backbone is not None:
            cfg.model.backbone.model_name = network.backbone
        method = Config.fromfile(CONFIGS / 'methods' / f'{method}.py').method
    except Exception as error:
        return dict(reason=one_line(error))
    return check_model(cfg.model, method, (crop, crop))


def check_in_process(name: str, network: Network,
                     args: argparse.Namespace) -> dict:
    """Check a network in a fresh process."""
    crop = crop_of(network.path.stem, args.crop)
    command = [
        sys.executable, __file__,
        f'{network.path}:{network.backbone or ""}', '--worker', '--method',
        args.method, '--crop',
        str(crop)
    ]
    result = dict(
        name=name, crop=crop, train=False, predict=False, export=False)
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


COLUMNS = dict(
    name='model',
    head='decode head',
    layer='feature layer',
    channels='channels',
    stride='stride',
    crop='crop',
    train='train',
    predict='predict',
    export='export',
    unused='unused',
    parameters='params (M)',
    memory='memory (GiB)')


def table(results: List[dict]) -> str:
    """Markdown: those that work, then those that can't, with the reason."""
    rows = [_row(COLUMNS.values()), '|---' * len(COLUMNS) + '|']
    rows += [_row(_cell(result.get(key)) for key in COLUMNS)
             for result in results if result['export']]
    failed = [_row((result['name'], stage(result), result['reason']))
              for result in results if not result['export']]
    if failed:
        rows += ['', '| model | cannot | reason |', '|---|---|---|', *failed]
    return '\n'.join(rows)


def _row(cells) -> str:
    return f'| {" | ".join(map(str, cells))} |'


def _cell(value) -> str:
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, float):
        return f'{value:.1f}'
    return '-' if value is None else str(value)


def stage(result: dict) -> str:
    """The first step that did not work."""
    return next(name for name in ('train', 'predict', 'export')
                if not result[name])


def write(path: str, text: str, marker: str) -> None:
    """Write a new file, or replace what is between the markers of one.

    Raises:
        ValueError: If an existing file has no markers.
    """
    markers = [MARKER.format(marker, place) for place in ('begin', 'end')]
    before = after = ''
    if osp.isfile(path):
        before, found, rest = Path(path).read_text().partition(markers[0])
        _, end, after = rest.partition(markers[1])
        if not found or not end:
            raise ValueError(f'--out {path} has no line {markers[0]!r} and, '
                             f'later, {markers[1]!r}; add them, or name a new '
                             'file')
    Path(path).write_text(
        f'{before}{markers[0]}\n\n{text}\n\n{markers[1]}{after or chr(10)}')


def main() -> None:
    args = parse_args()
    if args.worker:
        network, = select(args.names, {}).values()
        print(RESULT + json.dumps(check_here(network, args.method, args.crop)))
        return
    try:
        selected = select(args.names, find_models())
    except ValueError as error:
        sys.exit(f'check_models: {error}')
    results = []
    for name, network in selected.items():
        results.append(check_in_process(name, network, args))
        print(
            f'{name}: {results[-1]["reason"] or "ok"}',
            file=sys.stderr,
            flush=True)
    print(json.dumps(results, indent=2) if args.json else table(results))
    if args.out:
        write(args.out, table(results), args.marker)


if __name__ == '__main__':
    main()
