# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Weights for the loss of rare classes, from the labelled masks of a config.

The weight of a class is (share of its pixels) ** -POWER, scaled such that the
mean over all labelled pixels is 1. Classes without a pixel get 1. Use the file
with a loss that takes ``class_weight``, for instance

    model.segmentor.decode_head.loss_decode.class_weight=class_weights.json
"""
import argparse
import json
import sys
from pathlib import Path
from typing import Tuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import prcl_mmseg  # noqa: E402, F401

import numpy as np  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402

from prcl_mmseg.compat import whole_file  # noqa: E402
from prcl_mmseg.datasets.label_check import check_labels  # noqa: E402
from prcl_mmseg.datasets.path_check import build_dataset  # noqa: E402
from prcl_mmseg.datasets.pipeline_check import leaf_datasets  # noqa: E402
from prcl_mmseg.engine.ignored_label import ignored_label_of  # noqa: E402
from prcl_mmseg.engine.tool_config import (  # noqa: E402
    OptionsAction, read_config)


def parse_args() -> Tuple[argparse.Namespace, Config]:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the training')
    parser.add_argument(
        '--out', type=Path, default='class_weights.json', help='JSON file')
    parser.add_argument(
        '--power',
        type=float,
        default=0.5,
        help='0: all weights are 1; 1: all classes count the same; by default '
        '0.5')
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction)
    args = parser.parse_args()
    if not 0 <= args.power <= 1:
        parser.error(f'--power {args.power} must lie in [0, 1]')
    return args, read_config(args, parser)


def class_weights(pixels: np.ndarray, power: float) -> np.ndarray:
    """The weight of each class.

    Args:
        pixels (np.ndarray): Labelled pixels per class, shape (num_classes, ).
        power (float): See above.

    Returns:
        np.ndarray: Shape (num_classes, ), float64.
    """
    share = pixels / pixels.sum()
    seen = share > 0
    weights = np.ones(len(share))
    weights[seen] = share[seen]**-power
    weights[seen] /= (share * weights).sum()
    return weights


def main() -> None:
    args, cfg = parse_args()
    init_default_scope('mmseg')
    key = 'train_dataloader.dataset'
    node = (cfg.get('train_dataloader') or {}).get('dataset')
    if node is None:
        sys.exit(f'class_weights: `{key}` is missing in {args.config}; give '
                 'the config of a training')
    if 'labeled' in node:
        node, key = node.labeled, f'{key}.labeled'
    try:
        dataset = build_dataset(node, key)
        names = dataset.metainfo['classes']
        ignored = {
            getattr(leaf, 'ignore_index', 255)
            for leaf in leaf_datasets(dataset)
        }
        if len(ignored) > 1:
            raise ValueError(f'the data sets of `{key}` have different '
                             f'ignore_index {sorted(ignored)}; give all the '
                             'same')
        pixels = check_labels(dataset, len(names), *ignored)
        # What the loss ignores needs no weight.
        pixels[[index for index in (*ignored, ignored_label_of(cfg))
                if index < len(names)]] = 0
        if not pixels.any():
            raise ValueError(f'No mask of `{key}` has a labelled pixel')
        weights = class_weights(pixels, args.power)
        with whole_file(args.out, 'w', encoding='utf-8') as file:
            json.dump([round(weight, 4) for weight in weights], file)
    except (ValueError, OSError) as error:
        sys.exit(f'class_weights: {error}')
    width = max(map(len, names))
    for name, count, weight in zip(names, pixels, weights):
        print(f'{name:{width}}  {count / pixels.sum():7.2%}  {weight:8.3f}')
    print(f'Written: {args.out}')


if __name__ == '__main__':
    main()
