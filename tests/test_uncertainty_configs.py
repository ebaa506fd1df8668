# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The configs that score σ² add a metric to a ready config, nothing else."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmseg.registry import METRICS

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
LEAVES = sorted((CONFIGS / 'uncertainty').glob('*.py'))


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_config(path):
    cfg = Config.fromfile(path)
    assert [metric.type for metric in cfg.test_evaluator
            ] == ['IoUMetric', 'UncertaintyMetric']
    METRICS.build(cfg.test_evaluator[1])
    name = path.stem.replace('uncertainty_', 'prcl_', 1)
    plain = Config.fromfile(
        CONFIGS / 'prcl' / f'{name.removesuffix("_unlabeled")}.py')
    assert cfg.model == plain.model
    if not name.endswith('_unlabeled'):
        assert cfg.test_dataloader == plain.test_dataloader
        return
    # The images whose pseudo-labels are trained on, read with their masks.
    dataset = cfg.test_dataloader.dataset
    unlabeled = plain.train_dataloader.dataset.unlabeled
    assert dataset.ann_file == unlabeled.ann_file
    assert dataset.data_root == unlabeled.data_root
    assert dataset.pipeline == plain.test_dataloader.dataset.pipeline
