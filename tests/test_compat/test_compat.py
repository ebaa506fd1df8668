# Copyright (c) prcl_mmseg authors. All rights reserved.
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer

from prcl_mmseg.compat.compiled_ops import MissingOps
from prcl_mmseg.compat.dependencies import find_problem

OFFICIAL = {'mmengine': '0.10.7', 'mmcv-lite': '2.1.0',
            'mmsegmentation': '1.2.2'}
FORK = {'onedl-mmengine': '0.10.12', 'onedl-mmcv': '2.3.6',
        'onedl-mmsegmentation': '1.4.2'}


@pytest.mark.parametrize('versions', [
    OFFICIAL, FORK, {**FORK, 'onedl-mmengine': '0.11.0'},
    {'mmengine': '0.10.7', 'mmcv': '2.2.0', 'mmsegmentation': '1.2.2'}])
def test_families_that_work(versions):
    assert find_problem(versions) is None


@pytest.mark.parametrize('versions, parts', [
    ({}, ['mmengine is missing', 'mmcv is missing', 'mmseg is missing']),
    ({**OFFICIAL, 'mmsegmentation': '0.30.0'}, ['mmseg is 0.30.0']),
    ({**FORK, 'onedl-mmcv': '2.3.10', 'onedl-mmengine': '0.10.9'},
     ['mmengine is 0.10.9']),
    ({**OFFICIAL, 'onedl-mmcv': '2.3.6'},
     ['mixed', 'onedl-mmcv 2.3.6', 'mmcv-lite 2.1.0']),
])
def test_problems_are_named(versions, parts):
    problem = find_problem(versions)
    for part in parts:
        assert part in problem
    assert '2.3.10' not in problem


def test_source_checkouts_are_accepted():
    versions = {key: value for key, value in OFFICIAL.items()
                if key != 'mmsegmentation'}
    assert find_problem(versions, importable=('mmseg', )) is None


def test_missing_operator_says_so_when_called():
    ops = MissingOps('mmcv._ext')
    operator = ops.nms
    with pytest.raises(RuntimeError, match="'nms'"):
        operator(1, 2)
    assert not hasattr(ops, '__wrapped__')
    assert ops.get_compiler_version() == 'n/a'


def test_mmseg_bases_resolve(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text("_base_ = 'mmseg::_base_/models/fcn_r50-d8.py'")
    assert Config.fromfile(path).model.decode_head.type == 'FCNHead'


def test_what_checkpoints_hold_loads_safely(tmp_path):
    content = dict(
        history=HistoryBuffer([1.0, 2.0], [1, 1]),
        numbers=[np.float64(1), np.int64(2), np.float32(3), np.bool_(True)],
        arrays=[np.arange(3, dtype=kind) for kind in ('u1', 'f2', 'i4')])
    torch.save(content, tmp_path / 'content.pth')
    loaded = torch.load(tmp_path / 'content.pth', weights_only=True)
    assert loaded['history'].current() == 2
    assert loaded['numbers'] == [1, 2, 3, True]
    assert loaded['arrays'][0].tolist() == [0, 1, 2]
