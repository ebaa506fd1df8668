# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The notebook of the docs, with trainings of a few iterations."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / 'docs/demo.ipynb'


def test_the_notebook_runs(tmp_path):
    for name in ('nbmake', 'ipykernel', 'timm', 'mmpretrain'):
        pytest.importorskip(name)
    for name in ('configs', 'tools', 'prcl_mmseg'):
        os.symlink(ROOT / name, tmp_path / name)
    content = NOTEBOOK.read_text(encoding='utf-8')
    assert content.count('ITERATIONS = 600') == 1
    copy = tmp_path / 'docs/demo.ipynb'
    copy.parent.mkdir()
    copy.write_text(content.replace('ITERATIONS = 600', 'ITERATIONS = 20'))
    result = subprocess.run(
        [sys.executable, '-m', 'pytest', '--nbmake', '--nbmake-timeout=600',
         '-q', '-p', 'no:cacheprovider', str(copy)], cwd=tmp_path,
        capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stdout[-3000:]
    written = tmp_path / 'work_dirs/notebook'
    assert len(list((written / 'predictions/overlays').iterdir())) > 4
    assert (written / 'resnet10t/iter_20.pth').is_file()


def test_the_notebook_was_executed_to_its_end():
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())['cells']
             if cell['cell_type'] == 'code']
    assert [cell['execution_count'] for cell in cells] == list(
        range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell['outputs']]
    assert not [output for output in outputs
                if output['output_type'] == 'error']
    assert sum(bool({'image/png', 'image/jpeg'} & set(output.get('data', ())))
               for output in outputs) == 3
    assert str(ROOT) not in NOTEBOOK.read_text()
