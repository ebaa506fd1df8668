# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A grid whose trainings are feigned, hence take no time."""
import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CONFIG = '''
train_cfg = dict(max_iters=4, val_interval=2)
default_hooks = dict(checkpoint=dict(save_best='mIoU'))
train_dataloader = dict(dataset=dict(
    labeled=dict(ann_file='labeled.txt', data_root={data!r}),
    unlabeled=dict(ann_file='unlabeled.txt', data_root={data!r})))
val_dataloader = dict(dataset=dict(ann_file='val.txt'))
test_dataloader = dict(dataset=dict(ann_file='test.txt'))
val_evaluator = dict(type='IoUMetric')
test_evaluator = [dict(type='IoUMetric'), dict(type='OtherMetric')]
quality = {quality}
behaviour = dict()
'''

GRID = '''
methods = dict(plain=dict(config='plain.py'), better=dict(config='better.py'))
splits = dict(small=dict(labeled='small{seed}.txt'))
seeds = [0]
'''

# Trains as MMEngine's loop and hooks do, as far as files can tell: two
# checkpoints, a validation after each, the better one kept.
TRAIN = '''
import json, os, sys, time, zipfile
sys.stdout.reconfigure(line_buffering=True)
config, work, resume = sys.argv[1], sys.argv[3], sys.argv[4]
assert sys.argv[2] == '--work-dir' and resume == '--resume'
cfg = dict()
exec(open(config).read(), cfg)
behaviour = cfg['behaviour']

def save(name, step):
    with zipfile.ZipFile(os.path.join(work, name), 'w') as file:
        file.writestr('step', str(step))

pointer = os.path.join(work, 'last_checkpoint')
begin = 0
if os.path.exists(pointer):
    with zipfile.ZipFile(open(pointer).read()) as file:
        begin = int(file.read('step'))
print('PID', os.getpid(), 'THREADS', os.environ['OMP_NUM_THREADS'])
logs = os.path.join(work, 'from%d' % begin, 'vis_data')
os.makedirs(logs)
scalars = open(os.path.join(logs, 'scalars.json'), 'a', buffering=1)
until = behaviour.get('until')
for step in range(begin + 1, cfg['train_cfg']['max_iters'] + 1):
    if step == behaviour.get('step') and not os.path.exists(until):
        if behaviour['what'] == 'fail':
            sys.exit('ValueError: no luck in step %d' % step)
        open(os.path.join(work, 'waits'), 'w').close()
        while not os.path.exists(until):
            time.sleep(0.01)
    print('STEP', step)
    scalars.write(json.dumps(dict(
        iter=step, step=step, time=0.1 * step, memory=100 + step)) + '\\n')
    if step % 2 == 0:
        save('iter_%d.pth' % step, step)
        open(pointer, 'w').write(os.path.join(work, 'iter_%d.pth' % step))
        score = cfg['quality'][step // 2 - 1] + cfg['randomness']['seed']
        scalars.write(json.dumps({
            'mIoU': score, 'teacher/mIoU': score, 'student/mIoU': score - 1,
            'step': step, 'time': 1.0}) + '\\n')
        if score == max(cfg['quality'][:step // 2]) + \\
                cfg['randomness']['seed']:
            for old in os.listdir(work):
                if old.startswith('best_'):
                    os.remove(os.path.join(work, old))
            save('best_mIoU_iter_%d.pth' % step, step)
'''

TEST = '''
import json, os, sys, zipfile
config, checkpoint, work = sys.argv[1], sys.argv[2], sys.argv[4]
cfg = dict()
exec(open(config).read(), cfg)
assert cfg['test_evaluator'][0]['type'] == 'ClassIoUMetric'
with zipfile.ZipFile(checkpoint) as file:
    step = int(file.read('step'))
score = cfg['quality'][step // 2 - 1] - 10 + cfg['randomness']['seed']
if cfg['test_dataloader']['dataset']['ann_file'] != 'test.txt':
    assert cfg['test_dataloader']['dataset']['ann_file'] == 'unlabeled.txt'
    score = 33.0
os.makedirs(os.path.join(work, 'now'))
with open(os.path.join(work, 'now', 'now.json'), 'w') as file:
    json.dump({'mIoU': score, 'aAcc': 90.0, 'IoU/cat': score + 1,
               'IoU/dog': score - 1, 'AUROC/variance': 0.75,
               'IoU/none': float('nan'), 'time': 0.2}, file)
'''


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
    for name in ('small0', 'small1', 'unlabeled'):
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
