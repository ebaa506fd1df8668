# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Run MMSegmentation's own tools on a model trained here and write a table.

``check_stock_tools.py run WORK_DIR`` trains the demo for a moment, exports its
teacher, runs every tool and writes ``WORK_DIR/report.json``. A tool that
fails is run once more through tools/mmseg_tool.py, and on the exported plain
model, to tell whose fault it is. ``check_stock_tools.py table TITLE=REPORT
...`` puts the reports of several environments side by side, as Markdown.
"""
import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / 'configs/prcl/prcl_demo.py'
SHORT = ('train_cfg.max_iters=60', 'train_cfg.val_interval=60',
         'default_hooks.checkpoint.interval=60',
         'default_hooks.logger.interval=5')
IMAGE = 'data/prcl_demo/images/val_000.png'
# mmseg's benchmark times 200 images, and says nan if there are fewer.
BENCHMARK = '''_base_ = './{name}'
test_dataloader = dict(dataset=dict(_delete_=True, type='RepeatDataset',
    times=4, dataset={{{{_base_.test_dataloader.dataset}}}}))
'''
API = '''import sys
from mmseg.apis import (MMSegInferencer, inference_model, init_model,
                        show_result_pyplot)
config, checkpoint, image, folder = sys.argv[1:]
model = init_model(config, checkpoint, device='cpu')
result = inference_model(model, image)
show_result_pyplot(model, image, result, show=False,
                   out_file=folder + '/shown.png')
inferencer = MMSegInferencer(model=config, weights=checkpoint, device='cpu')
found = inferencer(image, out_dir=folder, return_datasamples=False)
same = (found['predictions'] == result.pred_sem_seg.data[0].numpy()).all()
print(f'predicted {result.pred_sem_seg.shape}, inferencer the same: {same}')
'''


@dataclass(frozen=True)
class Check:
    """One command and how to see that it did its work.

    Args:
        name (str): What is checked.
        command (str): Words, with ``{config} {checkpoint} {image} {out}
            {masks} {log}`` to be filled in. It starts with the path of a tool
            of mmseg, with ``own`` and one of this project, with ``mim`` or
            with ``api``.
        pattern (str): What its output must match; the match is reported.
        files (str): Glob below ``{out}`` that must find something.
        needs (tuple[str]): Packages that the tool imports.
        note (str): Put into the table.
        plain (bool): Whether an exported model tells whose fault a failure
            is. Defaults to True.
    """

    name: str
    command: str
    pattern: str = ''
    files: str = ''
    needs: Tuple[str, ...] = ()
    note: str = ''
    plain: bool = True


SCORES = r'Iter\(test\).*?(mIoU: [\d.]+)'
CHECKS = (
    Check('test', 'test.py {config} {checkpoint} --work-dir {out} --out '
          '{masks} --show-dir {out}/painted', SCORES),
    Check('test, TTA', 'test.py {config} {checkpoint} --work-dir {out} --tta',
          SCORES),
    Check('test, sliding window', 'test.py {config} {checkpoint} --work-dir '
          '{out} --cfg-options model.test_cfg.mode=slide '
          'model.test_cfg.crop_size=(64,64) model.test_cfg.stride=(32,32)',
          SCORES),
    Check('browse_dataset', 'analysis_tools/browse_dataset.py {config} '
          '--not-show --output-dir {out}', files='*.png',
          plain=False,
          note='It knows no items of two samples: use our own, below.'),
    Check('browse_dataset (misc)', 'misc/browse_dataset.py {config} '
          '--not-show --output-dir {out}', files='*.png',
          note='As above.', plain=False),
    Check('browse_dataset, ours', 'own tools/analysis_tools/browse_dataset.py '
          '{config} --checkpoint {checkpoint} --output-dir {out} --number 1',
          files='sheet_*.png'),
    Check('get_flops', 'analysis_tools/get_flops.py {config} --shape 96 96',
          r'(Flops: \S+)\s+(Params: \S+)',
          note='It wants model.decode_head in the config: use our own, or '
          'give it an exported config.'),
    Check('get_flops, ours', 'own tools/analysis_tools/get_flops.py {config} '
          '--shape 96', r'predicts \(exported segmentor\) \|\s+([\d.]+)'
          r'\s+\|\s+([\d.]+)'),
    Check('benchmark', 'analysis_tools/benchmark.py {benchmark} {checkpoint} '
          '--work-dir {out}', r'(Average fps) of .*?: [\d.]+',
          'fps_*.json', note='Wants 200 test images or more.'),
    Check('confusion_matrix', 'analysis_tools/confusion_matrix.py {config} '
          '{masks} {out}', files='confusion_matrix.png'),
    Check('analyze_logs', 'analysis_tools/analyze_logs.py {log} --keys '
          'loss_contrast loss_pseudo --out {out}/curve.png',
          files='curve.png', needs=('seaborn', )),
    Check('visualization_cam', 'analysis_tools/visualization_cam.py {image} '
          '{config} {checkpoint} --target-layers backbone.layer4[1] '
          '--category-index 0 --device cpu --out-file {out}/prediction.png '
          '--cam-file {out}/cam.png', files='cam.png',
          needs=('pytorch_grad_cam', ),
          note='Wants grad-cam below 1.5, which has `use_cuda`.'),
    Check('print_config', 'misc/print_config.py {config} --graph',
          r'\((bank)\): PrototypeBank'),
    Check('publish_model', 'misc/publish_model.py {checkpoint} '
          '{out}/published.pth', files='published-*.pth', plain=False,
          note='From torch 2.6 on it fails on whatever a MMEngine training '
          'saved.'),
    Check('publish_model, ours', 'own tools/misc/publish_model.py '
          '{checkpoint} {out}/published.pth', files='published-*.pth'),
    Check('pytorch2torchscript', 'deployment/pytorch2torchscript.py {config} '
          '--checkpoint {checkpoint} --shape 96 96 --output-file {out}/m.pt',
          files='m.pt',
          note='It calls `forward_dummy`, which no mmseg 1.x model has: use '
          'our export.'),
    Check('export_segmentor, ours', 'own '
          'tools/model_converters/export_segmentor.py {config} {checkpoint} '
          '{out} --format torchscript',
          r'torchscript: .*?(largest difference .*)',
          'prcl_demo_teacher-*.pth'),
    Check('export_segmentor to ONNX, ours', 'own '
          'tools/model_converters/export_segmentor.py {config} {checkpoint} '
          '{out} --format onnx',
          r'onnx: .*?(largest difference .*)',
          'prcl_demo_teacher.onnx', needs=('onnx', 'onnxruntime',
                                           'onnxscript')),
    Check('init_model, inference_model, show_result_pyplot, MMSegInferencer',
          'api {config} {checkpoint} {image} {out}',
          r'(inferencer the same: True)', 'vis/*.png'),
    Check('mim test', 'mim test mmsegmentation {config} --checkpoint '
          '{checkpoint} --gpus 0 --work-dir {out}', SCORES, needs=('mim', )),
    Check('mim train', 'mim train mmsegmentation {config} --gpus 0 '
          '--work-dir {out}', r'Iter\(val\).*?(teacher/mIoU: [\d.]+)',
          needs=('mim', )),
)
NAMES = {check.name for check in CHECKS}


@dataclass
class Outcome:
    """What came of a command: the thing seen, or the error."""

    ok: bool
    text: str


class Workshop:
    """The trained model, its exported twin, and running commands on them.

    Args:
        folder (Path): Where all files go; commands run in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        spec = importlib.util.find_spec('mmseg')
        self.tools = Path(spec.origin).parent / '.mim' / 'tools'

    def prepare(self) -> None:
        """Train and export, unless that was done before."""
        if not (self.folder / 'work/iter_60.pth').is_file():
            self._must([ROOT / 'tools/train.py', DEMO, '--work-dir', 'work',
                        '--cfg-options', *SHORT])
        logs = (self.folder / 'work').glob('*/vis_data/scalars.json')
        shutil.copy(max(logs), self.folder / 'log.json')
        self._must([ROOT / 'tools/model_converters/export_segmentor.py',
                    'work/prcl_demo.py', 'work/iter_60.pth', 'plain'])
        for folder, name in (('work', 'prcl_demo.py'),
                             ('plain', 'prcl_demo_teacher.py')):
            (self.folder / folder / 'benchmark.py').write_text(
                BENCHMARK.format(name=name))

    def names(self, plain: bool = False) -> Dict[str, str]:
        """What the placeholders of a command stand for."""
        if plain:
            checkpoint = max((self.folder / 'plain').glob('*.pth'))
            return dict(config='plain/prcl_demo_teacher.py',
                        checkpoint=f'plain/{checkpoint.name}',
                        benchmark='plain/benchmark.py', image=IMAGE,
                        masks='masks', log='log.json')
        return dict(config='work/prcl_demo.py', checkpoint='work/iter_60.pth',
                    benchmark='work/benchmark.py', image=IMAGE,
                    masks='masks', log='log.json')

    def run(self, check: Check, plain: bool = False,
            imported: bool = False) -> Outcome:
        """Run a check.

        Args:
            check (Check): The check.
            plain (bool): On the exported model. Defaults to False.
            imported (bool): With this package imported first.
        """
        out = self.folder / 'out'
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        kind, *words = check.command.format(
            out='out', **self.names(plain)).split()
        if kind == 'mim':
            command = ['-m', 'mim', *words]
        elif kind == 'own':
            command = [ROOT / words[0], *words[1:]]
        elif kind == 'api':
            start = 'import prcl_mmseg\n' if imported else ''
            command = ['-c', start + API, *words]
        elif imported:
            command = [ROOT / 'tools/mmseg_tool.py', kind, *words]
        else:
            command = [self.tools / kind, *words]
        result = self._python(command)
        return judge(check, result.returncode, result.stdout, out)

    def _python(self, command: list) -> subprocess.CompletedProcess:
        paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
        return subprocess.run(
            [sys.executable, *map(str, command)],
            cwd=self.folder,
            env={
                **os.environ, 'MPLBACKEND': 'Agg',
                'PYTHONPATH': os.pathsep.join(filter(None, paths))
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True)

    def _must(self, command: list) -> None:
        result = self._python(command)
        if result.returncode:
            sys.exit(f'{command[0]} failed:\n{result.stdout[-3000:]}')


def judge(check: Check, code: int, output: str, out: Path) -> Outcome:
    """Tell from code, output and files whether a tool did its work."""
    match = re.search(check.pattern, output)
    found = len(list(out.glob(check.files))) if check.files else 1
    if code == 0 and match and found:
        seen = ', '.join(filter(None, match.groups()))
        if check.files:
            seen = ', '.join(filter(None, [seen, f'`{check.files}`']))
        return Outcome(True, seen)
    return Outcome(False, last_error(output) or f'exit status {code}')


def last_error(output: str) -> Optional[str]:
    """The message of the last exception that a program printed."""
    errors = re.findall(r'^(?:[\w.]*\.)?(\w*(?:Error|Exception)\b.*)$',
                        output, re.MULTILINE)
    if not errors:
        return None
    return errors[-1] if len(errors[-1]) < 110 else errors[-1][:107] + '...'


def run_checks(folder: Path, only: List[str]) -> None:
    """Run the checks, by default those not yet in the report, and write it."""
    workshop = Workshop(folder)
    workshop.prepare()
    path = folder / 'report.json'
    report = json.loads(path.read_text()) if path.is_file() else {}
    for check in CHECKS:
        if check.name not in (only or NAMES - report.keys()):
            continue
        missing = [name for name in check.needs
                   if importlib.util.find_spec(name) is None]
        if missing:
            report[check.name] = dict(missing=missing)
        else:
            report[check.name] = row = {}
            kind = check.command.split()[0]
            row['direct'] = vars(workshop.run(check))
            if not row['direct']['ok'] and kind != 'own':
                if check.plain:
                    row['plain'] = vars(workshop.run(check, plain=True))
                if kind != 'mim':
                    row['imported'] = vars(workshop.run(check, imported=True))
        print(f'{check.name}: {cell(report[check.name])}', flush=True)
        path.write_text(json.dumps(report, indent=2))


def cell(row: dict) -> str:
    """What the table says of one tool in one environment."""
    if 'missing' in row:
        return f'not run: needs {", ".join(row["missing"])}'
    if row['direct']['ok']:
        return f'yes: {row["direct"]["text"]}'
    text = f'no: `{row["direct"]["text"]}`'
    plain = row.get('plain')
    if plain is not None:
        text += ('; a plain config works' if plain['ok'] else
                 '; a plain config fails alike' if plain['text'] ==
                 row['direct']['text'] else
                 f'; a plain config: `{plain["text"]}`')
    imported = row.get('imported')
    if imported is not None and imported['ok']:
        text += f'. With this package imported first, yes: {imported["text"]}'
    elif imported is not None and imported['text'] != row['direct']['text']:
        text += f'. With this package imported first: `{imported["text"]}`'
    return text


def table(reports: Dict[str, dict]) -> str:
    """Reports of several environments side by side."""
    lines = ['| what | command | ' + ' | '.join(reports) + ' |',
             '|---' * (len(reports) + 2) + '|']
    for check in CHECKS:
        cells = [cell(report[check.name]) if check.name in report else ''
                 for report in reports.values()]
        note = f'<br>{check.note}' if check.note else ''
        command = check.command.replace('{', '').replace('}', '')
        command = command.replace('own ', '').replace('api ', 'in Python: ')
        lines.append(f'| {check.name}{note} | `{command}` | ' + ' | '.join(
            text.replace('|', '\\|') for text in cells) + ' |')
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='action', required=True)
    run = commands.add_parser('run')
    run.add_argument('work_dir', type=Path)
    run.add_argument('--only', nargs='+', default=[],
                     help='names of checks: ' + '; '.join(sorted(NAMES)))
    show = commands.add_parser('table')
    show.add_argument('reports', nargs='+', metavar='TITLE=REPORT')
    args = parser.parse_args()
    if args.action == 'run':
        unknown = set(args.only) - NAMES
        if unknown:
            parser.error(f'no check is called {sorted(unknown)}')
        run_checks(args.work_dir, args.only)
    else:
        pairs = [item.split('=', 1) for item in args.reports]
        print(table({title: json.loads(Path(path).read_text())
                     for title, path in pairs}))


if __name__ == '__main__':
    main()
