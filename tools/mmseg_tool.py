# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Run one of MMSegmentation's own tools with this package imported first.

``python tools/mmseg_tool.py analysis_tools/benchmark.py CONFIG CHECKPOINT``

By themselves these tools import this package only when they read a config
that says so. Imported first, it also registers its components, resolves
``_base_ = 'mmseg::...'``, lets checkpoints load safely and lets mmseg be
imported without compiled operators.
"""
import os
import runpy
import sys
from pathlib import Path
from typing import List

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import prcl_mmseg  # noqa: E402, F401

import mmseg  # noqa: E402


def find_tools() -> Path:
    """The folder of mmseg's tools, of a wheel or of a source checkout.

    Raises:
        FileNotFoundError: If mmseg was installed without its tools.
    """
    package = Path(mmseg.__file__).parent
    for folder in (package / '.mim' / 'tools', package.parent / 'tools'):
        if (folder / 'analysis_tools').is_dir():
            return folder
    raise FileNotFoundError(
        f'mmseg in {package} came without its tools; install a wheel of '
        'mmsegmentation, or clone its repository')


def list_tools(folder: Path) -> List[str]:
    """Names of the tools, relative to their folder."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob('*.py'))


def main() -> None:
    folder = find_tools()
    tools = list_tools(folder)
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        print(__doc__)
        print('Tools:\n  ' + '\n  '.join(tools))
        return
    name = sys.argv[1]
    if not name.endswith('.py'):
        name += '.py'
    if name not in tools:
        sys.exit(f'mmseg has no tool {name!r}; it has\n  ' +
                 '\n  '.join(tools))
    sys.argv = [str(folder / name), *sys.argv[2:]]
    # As Python does for a script: the tool's own folder comes first.
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name='__main__')


if __name__ == '__main__':
    main()
