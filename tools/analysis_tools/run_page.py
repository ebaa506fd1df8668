# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Make one HTML page of a training: curves, classes and sheets.

``python tools/analysis_tools/run_page.py work_dirs/prcl_demo``
"""
import argparse
import re
import sys
from pathlib import Path
from typing import List

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# First of all, to say so if the packages below don't fit.
import prcl_mmseg  # noqa: E402, F401

from prcl_mmseg.compat.whole_files import whole_file  # noqa: E402
from prcl_mmseg.engine.tool_config import positive  # noqa: E402
from prcl_mmseg.visualization.run_page import make_page  # noqa: E402
from prcl_mmseg.visualization.run_scalars import read_scalars  # noqa: E402


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('work_dir', type=Path, help='of a training')
    parser.add_argument(
        '--out', type=Path, help='HTML file; by default WORK_DIR/run.html')
    parser.add_argument(
        '--max-sheets',
        type=positive,
        default=6,
        help='take the last so many sheets that UncertaintyVisualizationHook '
        'drew; 6 by default')
    return parser.parse_args()


def find_sheets(work_dir: Path, count: int) -> List[Path]:
    """The sheets of the last steps, in the order of the training."""
    sheets = {}
    for path in sorted(work_dir.glob('*/vis_data/vis_image/*.png')):
        step = re.fullmatch(r'uncertainty_\w+?_(\d+)', path.stem)
        if step is not None:
            # Those of a resumed training replace earlier ones of that name.
            sheets[path.name] = (int(step[1]), path.name, path)
    return [path for *_, path in sorted(sheets.values())[-count:]]


def main() -> None:
    args = parse_args()
    out = args.out or args.work_dir / 'run.html'
    try:
        page = make_page(args.work_dir.name, read_scalars(args.work_dir),
                         find_sheets(args.work_dir, args.max_sheets))
        with whole_file(out) as file:
            file.write(page.encode())
    except (ValueError, OSError) as error:
        sys.exit(f'run_page: {error}')
    print(f'Written: {out}')


if __name__ == '__main__':
    main()
