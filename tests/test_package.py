# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What is shipped, and what importing it does."""
import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.registry import Registry
from mmseg import registry
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import prcl_mmseg

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'prcl_mmseg'


def test_one_version():
    citation = (ROOT / 'CITATION.cff').read_text()
    assert f'\nversion: {prcl_mmseg.__version__}\n' in citation


@pytest.mark.parametrize(
    'folder', ['prcl_mmseg', 'benchmarks/experiments', 'tools', 'tests'])
def test_files_say_whose_they_are(folder):
    for path in (ROOT / folder).rglob('*.py'):
        first = path.read_text(encoding='utf-8').splitlines()[:1]
        assert first == ['# Copyright (c) prcl_mmseg authors. '
                         'All rights reserved.'], path


def test_every_folder_is_a_package_and_old_python_reads_it():
    for path in PACKAGE.rglob('*.py'):
        assert (path.parent / '__init__.py').is_file(), path
    for folder in (PACKAGE, ROOT / 'benchmarks/experiments', ROOT / 'tools'):
        for path in folder.rglob('*.py'):
            ast.parse(path.read_text(encoding='utf-8'), feature_version=(3, 9))


def test_import_registers_every_component():
    """All that a decorator registers, in any file, is in its registry."""
    pattern = re.compile(
        r'^@(\w+)\.register_module\(.*\)\n(?:@.*\n)*class (\w+)',
        re.MULTILINE)
    found = [
        match for path in PACKAGE.rglob('*.py')
        for match in pattern.findall(path.read_text(encoding='utf-8'))
    ]
    assert {'SemiSegmentor', 'MutualLikelihood', 'MLSContrastLoss'
            } <= {name for _, name in found}
    for kind, name in found:
        components = getattr(registry, kind)
        assert isinstance(components, Registry)
        component = components.get(name)
        assert component.__module__.startswith('prcl_mmseg.'), name


IMPORTS = """
import importlib.util
compiled = importlib.util.find_spec('mmcv._ext') is not None
import prcl_mmseg.gaussian
import mmseg.models
from mmengine.utils.dl_utils import mmcv_full_available
assert 'FCNHead' in mmseg.registry.MODELS
assert mmcv_full_available() is compiled
"""


def test_any_part_imports_first_and_compiled_operators_are_not_feigned():
    result = subprocess.run([sys.executable, '-c', IMPORTS],
                            cwd=ROOT, capture_output=True, text=True,
                            timeout=300)
    assert result.returncode == 0, result.stderr[-2000:]


@pytest.mark.parametrize('stack, files', [
    ('default', ('mminstall', 'runtime', 'tests', 'optional', 'docs')),
    ('openmmlab', ('mminstall-openmmlab', 'runtime', 'tests', 'optional',
                   'docs'))])
def test_the_locked_versions_are_those_that_are_wanted(stack, files):
    folder = ROOT / 'requirements'
    locked = {
        canonicalize_name(name): version
        for name, _, version in (
            line.partition('==')
            for line in (folder / f'lock/{stack}.txt').read_text().split('\n'))
        if version
    }
    for file in files:
        for line in (folder / f'{file}.txt').read_text().splitlines():
            if not line or line.startswith('#'):
                continue
            wanted = Requirement(line)
            name = canonicalize_name(wanted.name)
            # It comes with Python; the lock limits it where need be.
            if name != 'setuptools':
                assert wanted.specifier.contains(locked[name]), line
