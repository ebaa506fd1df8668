# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Draw images beside their pseudo-labels, σ² and errors.

``python tools/analysis_tools/visualize_uncertainty.py CONFIG CHECKPOINT``
"""
import argparse
import os.path as osp
import sys
from pathlib import Path
from typing import List

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# First of all, to say so if the packages below don't fit.
import prcl_mmseg  # noqa: E402, F401

from mmengine.config import Config  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.runner.checkpoint import _load_checkpoint  # noqa: E402
from mmseg.apis import init_model  # noqa: E402
from mmseg.registry import DATASETS  # noqa: E402

from prcl_mmseg.datasets import UnlabeledDataset  # noqa: E402
from prcl_mmseg.datasets.pipeline_check import (  # noqa: E402
    maskless_pipeline)
from prcl_mmseg.engine.tool_config import (  # noqa: E402
    add_predicting_arguments, positive, read_predicting_config)
from prcl_mmseg.visualization import (  # noqa: E402
    draw_sheets, load_items, predict_panels, recorded_finding)


def parse_args() -> tuple:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_predicting_arguments(parser)
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        '--images', help='folder of images, subfolders included')
    source.add_argument(
        '--split',
        choices=['val', 'test', 'unlabeled'],
        default='val',
        help='data set of the config; val by default')
    parser.add_argument(
        '--out',
        default='uncertainty.png',
        help='PNG file to write; many images go to _1, _2 and so on')
    parser.add_argument(
        '--max-images',
        type=positive,
        default=16,
        help='draw at most so many, spread over the data; 16 by default')
    parser.add_argument(
        '--rows',
        type=positive,
        default=8,
        help='images per file; 8 by default')
    args = parser.parse_args()
    if args.images is not None and not osp.isdir(args.images):
        parser.error(f'--images {args.images!r} is no folder')
    if not args.out.lower().endswith('.png'):
        parser.error(f'--out {args.out!r} must end with .png')
    cfg = read_predicting_config(args, parser)
    return args, cfg, parser


def load(args: argparse.Namespace, cfg: Config,
         parser: argparse.ArgumentParser) -> List[dict]:
    """Load the images that were asked for."""
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    if args.images is None and args.split != 'unlabeled':
        dataset = DATASETS.build(cfg[f'{args.split}_dataloader'].dataset)
        return load_items(dataset, args.max_images)
    if args.images is not None:
        dataset = UnlabeledDataset(data_root=args.images)
    else:
        config = cfg.train_dataloader.dataset.get('unlabeled')
        if config is None:
            parser.error('--split unlabeled: train_dataloader.dataset.'
                         f'unlabeled is missing in {args.config}')
        dataset = DATASETS.build(config)
    if len(dataset) == 0:
        parser.error(f'{args.images or "the unlabelled data set"} holds no '
                     'image')
    return load_items(dataset, args.max_images, maskless_pipeline(cfg))


def run(args: argparse.Namespace, cfg: Config,
        parser: argparse.ArgumentParser) -> None:
    items = load(args, cfg, parser)
    model = init_model(cfg, args.checkpoint, device=args.device)
    panels = predict_panels(model, items)
    meta = model.dataset_meta
    finding = recorded_finding(
        _load_checkpoint(args.checkpoint, map_location='cpu'), model)
    for path in draw_sheets(panels, args.out, meta['classes'],
                            meta['palette'], args.rows, finding):
        print(f'Written: {path}')


def main() -> None:
    args, cfg, parser = parse_args()
    try:
        run(args, cfg, parser)
    except (ValueError, OSError) as error:
        parser.error(str(error))


if __name__ == '__main__':
    main()
