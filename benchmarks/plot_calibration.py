# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Draw the calibrations that benchmarks/uncertainty.py has measured.

    python benchmarks/plot_calibration.py RESULT.json ... --out calibration.png
"""
import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('results', type=Path, nargs='+')
    parser.add_argument('--out', type=Path, required=True)
    args = parser.parse_args()
    figure, axes = plt.subplots(figsize=(4.2, 4), layout='constrained')
    axes.plot([0, 1], [0, 1], color='gray', lw=1, label='calibrated')
    for path in args.results:
        result = json.loads(path.read_text(encoding='utf-8'))
        if 'calibration' not in result:
            parser.error(f'{path} has no calibration; measure a model with '
                         'the term ViewVariance')
        axes.plot(
            result['calibration']['expected'],
            result['calibration']['seen'],
            marker='o',
            ms=4,
            label=path.stem)
    axes.set(xlabel='expected disagreement, σ² of views',
             ylabel='seen disagreement', xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize='small')
    figure.savefig(args.out, dpi=120)
    print(f'Written: {args.out}')


if __name__ == '__main__':
    main()
