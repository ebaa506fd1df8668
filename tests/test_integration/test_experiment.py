# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A grid with the real tools: a training that is cut, resumed, scored."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
GRID = '''
methods = dict(prcl=dict(config={config!r}))
# Unlabelled images with masks that can be read.
splits = dict(all=dict(unlabeled='labeled.txt'))
seeds = [3]
pseudo_labels = True
cfg_options = {{
    'train_cfg.val_interval': 2,
    'default_hooks.checkpoint.save_best': 'mIoU',
    'custom_imports.imports': ['prcl_mmseg', 'cut_hook']}}
'''
CUT_HOOK = '''
import os
from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class CutHook(Hook):

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 2 and not os.path.exists('go'):
            raise RuntimeError('the power is cut')
'''


def benchmark(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(ROOT / 'tools/benchmark.py'), *arguments],
        cwd=folder,
        env={
            **os.environ, 'OMP_NUM_THREADS': '1',
            'PYTHONPATH': str(folder)
        },
        capture_output=True,
        text=True,
        timeout=600)


def test_cut_resumed_and_scored(write_config, tmp_path):
    config = write_config(
        extra='\ncustom_hooks = [*_base_.custom_hooks, dict(type="CutHook")]')
    (tmp_path / 'cut_hook.py').write_text(CUT_HOOK)
    (tmp_path / 'grid.py').write_text(GRID.format(config=config))

    failed = benchmark(tmp_path, 'run', 'grid.py')
    assert failed.returncode == 1, failed.stderr
    assert 'RuntimeError: the power is cut' in failed.stdout
    (tmp_path / 'go').touch()
    done = benchmark(tmp_path, 'run', 'grid.py')
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'goes on at iteration 2' in done.stdout

    row = json.loads(
        (tmp_path / 'benchmarks/results/grid/prcl_all_seed3.json').read_text())
    log = (tmp_path / row['work_dir'] / 'train.log').read_text()
    steps = re.findall(r'Iter\(train\) \[(\d)/4\]', log)
    assert steps == ['1', '2', '3', '4']
    assert [point['step'] for point in row['val']['curve']] == [2, 4]
    assert {'teacher/mIoU', 'student/mIoU'} <= set(row['val']['last'])
    # Here the test images are those of the validation.
    assert row['val_is_test']
    for choice in ('last', 'best'):
        assert row['test'][choice]['mIoU'] == pytest.approx(
            row['val'][choice]['mIoU'], abs=0.011)
    ious = [iou for iou in row['test']['last']['class_iou'].values()]
    assert len(ious) == 3
    assert sum(ious) / 3 == pytest.approx(
        row['test']['last']['mIoU'], abs=0.011)
    assert 0 < row['pseudo_labels']['mIoU'] <= row['pseudo_labels']['aAcc']
    config = Config.fromfile(
        tmp_path / row['work_dir'] / 'config_pseudo_labels.py',
        import_custom_modules=False)
    assert config.test_dataloader.dataset.ann_file == 'labeled.txt'
    assert all(row['monitors']['loss_contrast'][part] is not None
               for part in range(4))
    assert row['seconds_per_iter'] > 0 and row['peak_memory_mib'] > 0
    assert row['versions']['torch'] and row['threads'] == '1'
