# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Methods differ in what they do with their batches, not in the batches."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

ROOT = Path(__file__).resolve().parents[2]
METHODS = sorted(
    path.stem for path in (ROOT / 'configs/_base_/methods').glob('*.py'))
AUGMENT = '''
weak = [dict(type='RandomResize', scale=(32, 32), ratio_range=(1., 1.5)),
        dict(type='RandomCrop', crop_size=(32, 32)),
        dict(type='RandomFlip', prob=0.5), pack]
train_dataloader['dataset']['labeled']['pipeline'] = [
    load, dict(type='LoadAnnotations'), *weak]
train_dataloader['dataset']['unlabeled']['pipeline'] = [load, *weak]
train_cfg = dict(max_iters=3, val_interval=3)
'''


class RecordHook(Hook):
    """Keeps the images of every batch."""

    def __init__(self) -> None:
        self.batches = []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.batches.append({
            part: ([sample.img_path for sample in samples],
                   torch.stack(list(data_batch[part]['inputs'])).clone())
            for part, samples in (
                (part, data_batch[part]['data_samples'])
                for part in ('labeled', 'unlabeled'))
        })


def train(path: str, work_dir, workers: int) -> list:
    """Train, and return the batches."""
    cfg = Config.fromfile(path)
    cfg.work_dir = cfg.experiment_name = str(work_dir)
    cfg.merge_from_dict({
        'randomness.seed': 1,
        'train_dataloader.num_workers': workers,
        'default_hooks.checkpoint.interval': -1,
        'default_hooks.checkpoint.save_last': False,
        'val_dataloader': None,
        'val_cfg': None,
        'val_evaluator': None,
    })
    runner = Runner.from_cfg(cfg)
    record = RecordHook()
    runner.register_hook(record)
    runner.train()
    return record.batches


@pytest.mark.parametrize('workers, methods', [
    (0, METHODS), (1, ('supervised', 'mean_teacher', 'prcl_unimatch_v2'))])
def test_all_methods_see_the_same_images(write_config, tmp_path, workers,
                                         methods):
    seen = {
        method: train(
            write_config(method, extra=AUGMENT), tmp_path / method, workers)
        for method in methods
    }
    expected = seen['supervised']
    assert len(expected) == 3
    # Different images, of different content: there is something to compare.
    assert len({tuple(batch['labeled'][0]) for batch in expected}) > 1
    assert not torch.equal(expected[0]['labeled'][1],
                           expected[1]['labeled'][1])
    for method in methods:
        for step, (batch, other) in enumerate(zip(expected, seen[method])):
            for part in ('labeled', 'unlabeled'):
                assert batch[part][0] == other[part][0], (method, step, part)
                assert torch.equal(batch[part][1],
                                   other[part][1]), (method, step, part)
