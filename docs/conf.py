# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Of the site: ``python -m sphinx -W -b html docs site``."""
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
warnings.filterwarnings('ignore', category=UserWarning)

from prcl_mmseg import __version__  # noqa: E402

project = 'prcl_mmseg'
author = copyright = 'prcl_mmseg authors'
version = release = __version__
extensions = [
    'myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon',
    'sphinx.ext.viewcode', 'sphinx_copybutton'
]
# The list of pages for readers of the repository; the site has its own.
exclude_patterns = ['README.md']
html_theme = 'furo'
html_title = f'prcl_mmseg {version}'
# Links to sections, as code hosts make them.
myst_heading_anchors = 3
autodoc_member_order = 'bysource'
autodoc_typehints = 'none'
autodoc_default_options = {
    'members': True,
    'imported-members': True,
    'show-inheritance': True
}
napoleon_use_ivar = True
