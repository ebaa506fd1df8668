# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What an installed wheel brings along."""
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = ('prcl_mmseg', 'configs', 'tools', 'benchmarks/experiments',
         'requirements', 'setup.py', 'setup.cfg', 'README.md',
         'model-index.yml', 'LICENSE', 'MANIFEST.in')
READ_CONFIG = '''
import prcl_mmseg
from mmengine.config import Config
cfg = Config.fromfile('mine.py')
print(prcl_mmseg.__file__)
print(cfg.model.type, cfg.train_cfg.max_iters, cfg.num_classes)
'''


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('wheel')
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name,
                ignore=shutil.ignore_patterns('__pycache__', '.mim'))
        else:
            shutil.copy(ROOT / name, folder / name)
    result = subprocess.run(
        [sys.executable, 'setup.py', '-q', 'bdist_wheel'],
        cwd=folder, capture_output=True, text=True, timeout=300)
    if "invalid command 'bdist_wheel'" in result.stderr:
        pytest.skip('needs the package wheel')
    assert result.returncode == 0, result.stderr[-2000:]
    path, = (folder / 'dist').glob('*.whl')
    return path


def test_wheel_holds_configs_and_tools(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for part in ('configs', 'tools', 'benchmarks/experiments'):
        expected = {
            f'prcl_mmseg/.mim/{path.relative_to(ROOT).as_posix()}'
            for path in (ROOT / part).rglob('*')
            if path.suffix in ('.py', '.sh', '.yaml')}
        assert expected and expected <= set(names)
    assert {'prcl_mmseg/.mim/model-index.yml', 'prcl_mmseg/py.typed'} <= set(
        names)
    assert not [name for name in names if '__pycache__' in name]


def test_configs_are_named_by_package(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / 'site')
    (tmp_path / 'mine.py').write_text(
        "_base_ = 'prcl_mmseg::prcl/prcl_demo.py'\n"
        'train_cfg = dict(max_iters=7)\n')
    result = subprocess.run(
        [sys.executable, '-c', READ_CONFIG], cwd=tmp_path,
        env={'PYTHONPATH': str(tmp_path / 'site')},
        capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-2000:]
    place, said = result.stdout.splitlines()[-2:]
    assert Path(place).is_relative_to(tmp_path / 'site')
    assert said == 'SemiSegmentor 7 5'


def test_grids_run_from_a_wheel(wheel, tmp_path):
    """The harness of tools/benchmark.py lies where the tool looks for it."""
    site = tmp_path / 'site'
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    (tmp_path / 'grid.py').write_text(
        "methods = dict(prcl=dict(config='configs/prcl/prcl_demo.py'))\n"
        'splits = dict(n4=dict())\nseeds = [0]\n')
    result = subprocess.run(
        [sys.executable, str(site / 'prcl_mmseg/.mim/tools/benchmark.py'),
         'run', 'grid.py', '--dry-run'], cwd=tmp_path,
        env={'PYTHONPATH': str(site)},
        capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-2000:]
    assert 'prcl, split n4, seed 0: to do' in result.stdout
