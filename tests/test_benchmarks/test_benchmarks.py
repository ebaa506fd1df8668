# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The benchmarks run, and compare what is the same."""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).resolve().parents[2] / 'benchmarks'


def run(script: str, json_file: Path, *options: str) -> list:
    subprocess.run([
        sys.executable,
        str(FOLDER / script), '--quick', '--device', 'cpu', '--repeats', '1',
        '--json',
        str(json_file), *options
    ], check=True)
    return json.loads(json_file.read_text())


def test_contrast_loss(tmp_path):
    rows = run('contrast_loss.py', tmp_path / 'rows.json', '--classes', '3',
               '--pixels', '1')
    assert {row['impl'] for row in rows} >= {'fused', 'published'}
    for row in rows:
        assert row['classes'] == 3 and row['pixels'] == 2 * 41 * 41
        assert row['seconds_forward'] > 0 and row['seconds_backward'] > 0
        assert row['peak_extra_mib'] >= 0


def test_many_images(tmp_path):
    rows = run('many_images.py', tmp_path / 'rows.json', '--count', '300')
    assert [row['source'] for row in rows] == ['list', 'folder']
    for row in rows:
        assert row['images'] == 300
        assert row['seconds_build'] > 0 and row['seconds_check'] > 0


def test_train_step(tmp_path):
    methods = ('supervised', 'mean_teacher', 'prcl', 'unimatch+contrast',
               'unimatch_v2')
    rows = run('train_step.py', tmp_path / 'rows.json', '--crop', '64',
               '--experiment', 'demo', '--methods', *methods)
    assert [row['method'] for row in rows] == list(methods)
    for row in rows:
        assert row['seconds'] > 0 and row['peak_mib'] > 0 and row['ratio'] > 0
        parts = {'student', 'backward', 'optimizer', 'ema'}
        if row['method'] != 'supervised':
            parts |= {'labels', 'augmentation'}
        if row['method'] in ('prcl', 'unimatch+contrast'):
            parts |= {'contrast'}
        assert all(row[part] > 0 for part in parts)


def test_prototype_sync(tmp_path):
    rows = run('prototype_sync.py', tmp_path / 'rows.json')
    sent = {row['impl']: row['bytes'] for row in rows}
    # Λ and η of 21 classes in 256 dimensions, and the counts, in fp32.
    assert sent['all_reduce'] == 4 * (2 * 21 * 256 + 21)
    # μ and σ², an int64 label and a mask for each pixel.
    assert sent['gather_maps'] == 4 * 41 * 41 * (2 * 256 * 4 + 8 + 1)
    assert all(0 < row['max_abs_error'] < 1e-5 for row in rows)


@pytest.mark.parametrize('temperature', [0.5, 100.0])
def test_the_fused_loss_has_the_published_mean(monkeypatch, temperature):
    """Over 200 draws each, within the standard error of the difference."""
    monkeypatch.syspath_prepend(str(FOLDER))
    from contrast_loss import build, contrast_config, make_batch
    from published_contrast import published_contrast
    np.random.seed(0)
    numbers = dict(num_queries=8, num_negatives=12)
    batch = make_batch(4, 9, 2, 8, torch.device('cpu'))
    config = contrast_config('fused')
    config.similarity.temperature = temperature
    config.loss.anchors.num_queries = numbers['num_queries']
    config.loss.negatives.num_negatives = numbers['num_negatives']
    fused = build(config, 4, 8)
    draws = [
        torch.stack([loss().detach() for _ in range(200)])
        for loss in (lambda: fused(**batch), lambda: published_contrast(
            **batch, temperature=temperature, **numbers))
    ]
    error = sum(draw.var() / 200 for draw in draws).sqrt()
    assert (draws[0].mean() - draws[1].mean()).abs() < 3 * error
    # Sharp enough to see a wrong temperature or positive.
    assert error < 0.01 * draws[1].mean()
