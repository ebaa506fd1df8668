# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Train a model: ``python tools/train.py CONFIG``."""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.runner import Runner  # noqa: E402

import prcl_mmseg  # noqa: E402, F401
from prcl_mmseg.engine.tool_config import (  # noqa: E402
    add_common_arguments, load_config)


def parse_args() -> tuple:
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    parser.add_argument(
        '--resume',
        action='store_true',
        help='go on from the latest checkpoint in the work dir')
    parser.add_argument(
        '--amp',
        action='store_true',
        help='train in automatic mixed precision')
    args = parser.parse_args()
    if args.amp and not torch.cuda.is_available():
        parser.error('--amp needs a GPU, but none is visible; leave it out')
    return args, load_config(args, parser)


def enable_amp(cfg: Config) -> None:
    """Exchange the plain optimizer wrapper for one with mixed precision."""
    wrapper = cfg.optim_wrapper
    if wrapper.get('type', 'OptimWrapper') not in ('OptimWrapper',
                                                   'AmpOptimWrapper'):
        raise ValueError(
            f'--amp cannot change optim_wrapper.type={wrapper.type!r}; use '
            "'OptimWrapper' in the config")
    wrapper.type = 'AmpOptimWrapper'
    wrapper.setdefault('loss_scale', 'dynamic')


def main() -> None:
    args, cfg = parse_args()
    if args.amp:
        enable_amp(cfg)
    cfg.resume = args.resume
    Runner.from_cfg(cfg).train()


if __name__ == '__main__':
    main()
