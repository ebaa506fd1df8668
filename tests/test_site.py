# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The site of the documentation."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / 'docs'


def test_builds_without_a_warning(tmp_path):
    pytest.importorskip('furo')
    done = subprocess.run(
        [sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', '-b',
         'html', str(DOCS), str(tmp_path / 'site')],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    # What a config names is explained, with what it inherits from here.
    api = (tmp_path / 'site/api/models.html').read_text(encoding='utf-8')
    for name in ('SemiSegmentor', 'WeakToStrong', 'PrototypeContrast',
                 'ProbabilisticDecodeHead', 'MLSContrastLoss'):
        assert re.search(rf'id="prcl_mmseg\.[\w.]*\.{name}"', api), name


def test_every_page_is_listed():
    """On the site, and in the table for readers of the repository."""
    pages = {path.stem for path in DOCS.glob('*.md')} - {'README', 'index'}
    site = (DOCS / 'index.md').read_text(encoding='utf-8')
    trees = re.findall(r'```{toctree}\n(?::.*\n)*\n([^`]*)```', site)
    listed = {line for tree in trees for line in tree.split()}
    assert listed == pages | {'api/index', 'zh_cn/get_started'}
    table = (DOCS / 'README.md').read_text(encoding='utf-8')
    assert set(re.findall(r'\]\((\w+)\.md\)', table)) == pages
