# Copyright (c) prcl_mmseg authors. All rights reserved.
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer

from prcl_mmseg.compat import dependencies
from prcl_mmseg.compat.compiled_ops import MissingOps
from prcl_mmseg.compat.dependencies import find_problem

OFFICIAL = {'mmengine': '0.10.7', 'mmcv-lite': '2.1.0',
            'mmsegmentation': '1.2.2'}
FORK = {'onedl-mmengine': '0.10.12', 'onedl-mmcv': '2.3.6',
        'onedl-mmsegmentation': '1.4.2'}


@pytest.mark.parametrize('versions', [
    OFFICIAL, FORK, {**FORK, 'onedl-mmengine': '0.11.0'},
    {'mmengine': '0.10.7', 'mmcv': '2.1', 'mmsegmentation': '1.2.2'}])
def test_families_that_work(versions):
    assert find_problem(versions) is None


@pytest.mark.parametrize('versions, parts', [
    ({}, ['mmengine is missing', 'mmcv is missing', 'mmseg is missing',
          'onedl-mmsegmentation>=']),
    ({'mmengine': '0.10.7'}, ['mmcv is missing', 'found mmengine 0.10.7',
                              'mmcv-lite>=', 'ftfy']),
    ({**OFFICIAL, 'mmsegmentation': '0.30.0'},
     ['mmseg is 0.30.0 (mmsegmentation)', 'mmsegmentation>=1.2.2']),
    ({**FORK, 'onedl-mmcv': '2.3.10', 'onedl-mmengine': '0.10.9'},
     ['mmengine is 0.10.9 (onedl-mmengine)', 'onedl-mmengine>=0.10.12']),
    ({'mmengine': '0.10.7', 'mmcv-full': '1.7.2', 'mmsegmentation': '1.2.2'},
     ['mmcv is 1.7.2 (mmcv-full)']),
    ({'mmengine': '0.10.7', 'mmcv': '2.2.0', 'mmsegmentation': '1.2.2'},
     ['mmcv is 2.2.0 (mmcv)', 'must be < 2.2', 'mmcv-lite>=2.1.0,<2.2']),
    ({**OFFICIAL, 'onedl-mmcv': '2.3.6'},
     ['mixed', 'onedl-mmcv 2.3.6', 'mmcv-lite 2.1.0',
      'pip uninstall -y mmengine mmcv-lite mmsegmentation onedl-mmcv\n']),
    ({'mmengine': '0.10.7', **FORK},
     ['mixed', 'mmengine 0.10.7', 'onedl-mmengine 0.10.12']),
])
def test_problems_are_named_with_their_cure(versions, parts):
    problem = find_problem(versions)
    for part in parts:
        assert part in problem
    assert 'pip install' in problem
    assert 'mmcv is 2.3.10' not in problem


@pytest.mark.parametrize('name, requirements', [
    ('mminstall', FORK), ('mminstall-openmmlab', OFFICIAL)])
def test_requirement_files_install_what_the_check_wants(name, requirements):
    folder = Path(__file__).resolve().parents[2] / 'requirements'
    lines = (folder / f'{name}.txt').read_text().splitlines()
    for distribution, version in requirements.items():
        assert any(line.startswith(f'{distribution}>={version},')
                   for line in lines), distribution


def test_a_folder_is_no_source_checkout(tmp_path, monkeypatch):
    (tmp_path / 'mmnowhere').mkdir()
    (tmp_path / 'mmhere').mkdir()
    (tmp_path / 'mmhere' / '__init__.py').touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert not dependencies._is_importable('mmnowhere')
    assert not dependencies._is_importable('mmabsent')
    assert dependencies._is_importable('mmhere')


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
        arrays=[np.arange(3, dtype=kind)
                for kind in ('u1', 'f2', 'i4', 'i1', 'i2', 'u2', 'u8')],
        names=np.array(['cat', 'dog']))
    torch.save(content, tmp_path / 'content.pth')
    loaded = torch.load(tmp_path / 'content.pth', weights_only=True)
    assert loaded['history'].current() == 2
    assert loaded['numbers'] == [1, 2, 3, True]
    assert loaded['arrays'][0].tolist() == [0, 1, 2]


@pytest.mark.parametrize('core', [b'core', b'_core'])
def test_checkpoints_of_numpy_1_and_2_load_safely(tmp_path, core):
    """Numpy 2 calls ``numpy.core`` ``numpy._core``, in its pickles too."""
    torch.save([np.float64(2), np.arange(3)], tmp_path / 'now.pth')
    other = b'numpy._core.' if core == b'core' else b'numpy.core.'
    renamed = 0
    with zipfile.ZipFile(tmp_path / 'now.pth') as now, \
            zipfile.ZipFile(tmp_path / 'then.pth', 'w') as then:
        for name in now.namelist():
            content = now.read(name)
            if name.endswith('data.pkl'):
                content = content.replace(other, b'numpy.' + core + b'.')
                renamed = content.count(b'numpy.' + core + b'.multiarray')
            then.writestr(name, content)
    assert renamed
    number, array = torch.load(tmp_path / 'then.pth', weights_only=True)
    assert number == 2
    assert array.tolist() == [0, 1, 2]
