# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Score a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``."""
import argparse
import os.path as osp
import sys
from pathlib import Path
from typing import Any, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# First of all, to say so if the packages below don't fit.
import prcl_mmseg  # noqa: E402, F401

from mmengine.config import Config  # noqa: E402
from mmengine.dist import master_only  # noqa: E402
from mmengine.runner import Runner  # noqa: E402
from mmengine.visualization import LocalVisBackend  # noqa: E402
from mmseg.evaluation import IoUMetric  # noqa: E402
from mmseg.registry import METRICS  # noqa: E402

from prcl_mmseg.datasets import check_paths  # noqa: E402
from prcl_mmseg.datasets.pipeline_check import (  # noqa: E402
    leaf_datasets)
from prcl_mmseg.engine.build_errors import (  # noqa: E402
    explain_build_errors)
from prcl_mmseg.engine.launch import leave_group  # noqa: E402
from prcl_mmseg.engine.tool_config import (  # noqa: E402
    add_common_arguments, load_config)
from prcl_mmseg.models.registered import (  # noqa: E402
    as_list, registered_class)


def parse_args() -> tuple:
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file or URL')
    parser.add_argument(
        '--out', help='folder for the predictions, for offline evaluation')
    parser.add_argument(
        '--show', action='store_true', help='show the predictions')
    parser.add_argument(
        '--show-dir', help='folder for the painted predictions')
    parser.add_argument(
        '--wait-time',
        type=float,
        default=2,
        help='seconds that --show keeps an image')
    parser.add_argument(
        '--tta', action='store_true', help='test-time augmentation')
    args = parser.parse_args()
    if '://' not in args.checkpoint and not osp.isfile(args.checkpoint):
        parser.error(f'checkpoint {args.checkpoint!r} does not exist')
    cfg = load_config(args, parser)
    if args.tta:
        missing = [
            key for key in ('tta_pipeline', 'tta_model') if key not in cfg
        ]
        if missing:
            parser.error(f'--tta needs {" and ".join(missing)} in '
                         f'{args.config}')
    for key in ('test_dataloader', 'test_evaluator', 'test_cfg'):
        if cfg.get(key) is None:
            parser.error(f'{key} is missing in {args.config}; it says what '
                         'is tested, and how')
    if (args.show or args.show_dir) and \
            'visualization' not in cfg.get('default_hooks', {}):
        parser.error(
            '--show and --show-dir need default_hooks.visualization='
            f"dict(type='SegVisualizationHook') in {args.config}")
    for option, folder in (('--out', args.out), ('--show-dir',
                                                 args.show_dir)):
        if folder is not None and (not folder or osp.isfile(folder)):
            parser.error(f'{option} {folder!r} is no folder; choose another')
    if args.out is not None and find_iou_metric(cfg.test_evaluator) is None:
        parser.error('--out: predictions are written by an IoUMetric, but '
                     f'test_evaluator of {args.config} has none; add '
                     "dict(type='IoUMetric') to it")
    return args, cfg


def enable_drawing(cfg: Config, args: argparse.Namespace) -> None:
    """Let the visualization hook draw every test image."""
    hook = cfg.default_hooks.visualization
    hook.draw = True
    hook.interval = 1
    if args.show:
        hook.show = True
        hook.wait_time = args.wait_time
    if args.show_dir:
        cfg.visualizer.save_dir = args.show_dir


def find_iou_metric(evaluator: Any) -> Optional[dict]:
    """Config of the first metric that can write predictions to files."""
    if isinstance(evaluator, dict) and 'metrics' in evaluator:
        evaluator = evaluator['metrics']
    for metric in as_list(evaluator):
        if issubclass(registered_class(metric, METRICS), IoUMetric):
            return metric
    return None


@master_only
def tell_pictures(runner: Runner) -> None:
    """MMEngine puts them far below the folder that was asked for."""
    for backend in runner.visualizer._vis_backends.values():
        if isinstance(backend, LocalVisBackend):
            print(f'Pictures: {backend._img_save_dir}')


def check_out(folder: str, dataset: Any) -> None:
    """Predictions are named like their images, and must replace nothing.

    Raises:
        ValueError: If they would replace files of the data set, or each other.
    """
    names = {}
    for leaf in leaf_datasets(dataset):
        for info in map(leaf.get_data_info, range(len(leaf))):
            for path in (info.get('img_path'), info.get('seg_map_path')):
                if path and osp.realpath(osp.dirname(path)) == osp.realpath(
                        folder):
                    raise ValueError(f'--out {folder} holds files of the data '
                                     f'set such as {path}; choose another')
            path = info.get('img_path', '')
            name = osp.splitext(osp.basename(path))[0]
            if names.setdefault(name, path) != path:
                raise ValueError(
                    f'--out: the predictions of {names[name]} and {path} '
                    f'would both be {name}.png; rename one, or test them '
                    'apart')


def main() -> None:
    args, cfg = parse_args()
    cfg.load_from = args.checkpoint
    if args.show or args.show_dir:
        enable_drawing(cfg, args)
    if args.tta:
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
        cfg.model = dict(cfg.tta_model, module=cfg.model)
    if args.out is not None:
        find_iou_metric(cfg.test_evaluator).update(
            output_dir=args.out, keep_results=True)
    check_paths(cfg.test_dataloader.dataset, 'test_dataloader.dataset')
    with explain_build_errors(cfg):
        runner = Runner.from_cfg(cfg)
        if args.out is not None:
            check_out(args.out, runner.test_dataloader.dataset)
        runner.test()
    if args.show_dir:
        tell_pictures(runner)
    leave_group()


if __name__ == '__main__':
    main()
