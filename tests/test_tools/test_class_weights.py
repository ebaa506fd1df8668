# Copyright (c) prcl_mmseg authors. All rights reserved.
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools/analysis_tools'


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location(
        'class_weights', TOOLS / 'class_weights.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rare_classes_weigh_more(tool):
    pixels = np.array([900, 100, 0])
    weights = tool.class_weights(pixels, 0.5)
    assert weights[1] / weights[0] == pytest.approx(3)
    assert weights[2] == 1
    for power in (0, 0.3, 1):
        weights = tool.class_weights(pixels, power)
        # The loss keeps its size.
        assert (pixels * weights).sum() == pytest.approx(1000)
    assert 900 * weights[0] == pytest.approx(100 * weights[1])


def test_weights_of_a_config(tool, experiment, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'weights.json'
    monkeypatch.setattr(sys, 'argv', [
        'class_weights.py', experiment.config, '--out', str(out)])
    tool.main()
    weights = json.loads(out.read_text())
    assert len(weights) == 3 and min(weights) > 0
    told = capsys.readouterr().out
    assert 'ground' in told and f'Written: {out}' in told


@pytest.mark.parametrize('options', [
    ['train_dataloader.dataset.labeled.ignore_index=0'],
    [f'model.segmentor.{head}.ignore_index=0'
     for head in ('decode_head', 'auxiliary_head')]])
@pytest.mark.parametrize('wrapped', [False, True])
def test_what_the_loss_ignores_has_no_weight(tool, experiment, tmp_path,
                                             monkeypatch, options, wrapped):
    config = tmp_path / 'config.py'
    config.write_text(
        f"_base_ = '{experiment.config}'\n" + ('''
labeled = dict(type='RepeatDataset', times=2, _delete_=True,
               dataset=_base_.train_dataloader.dataset.labeled)
train_dataloader = dict(dataset=dict(labeled=labeled))
''' if wrapped else ''))
    if wrapped:
        options = [option.replace('labeled.ig', 'labeled.dataset.ig')
                   for option in options]
    monkeypatch.setattr(sys, 'argv', [
        'class_weights.py', str(config), '--out', str(tmp_path / 'w.json'),
        '--cfg-options', *options])
    tool.main()
    weights = json.loads((tmp_path / 'w.json').read_text())
    # The masks of the experiment hold all classes alike.
    assert weights[0] == 1 and weights[1:] == pytest.approx([1, 1], abs=0.1)


@pytest.mark.parametrize('power', ['-1', '1.5', 'nan'])
def test_powers_that_make_no_sense(tool, experiment, power, monkeypatch,
                                   capsys):
    monkeypatch.setattr(sys, 'argv', [
        'class_weights.py', experiment.config, f'--power={power}'])
    with pytest.raises(SystemExit):
        tool.main()
    assert 'must lie in [0, 1]' in capsys.readouterr().err
