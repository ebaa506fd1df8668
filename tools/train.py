# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Train a model: ``python tools/train.py CONFIG``."""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# First of all, to say so if the packages below don't fit.
import prcl_mmseg  # noqa: E402, F401

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.runner import Runner, find_latest_checkpoint  # noqa: E402
from mmseg.registry import RUNNERS  # noqa: E402

from prcl_mmseg.engine.launch import (  # noqa: E402
    keep_freed_memory, leave_group)
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
    cfg = load_config(args, parser)
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if args.amp and wrapper not in ('OptimWrapper', 'AmpOptimWrapper'):
        parser.error(f'--amp cannot change optim_wrapper.type={wrapper!r} of '
                     f"{args.config}; make it 'OptimWrapper'")
    return args, cfg


def enable_amp(cfg: Config) -> None:
    """Exchange the plain optimizer wrapper for one with mixed precision."""
    wrapper = cfg.optim_wrapper
    wrapper.type = 'AmpOptimWrapper'
    wrapper.setdefault('loss_scale', 'dynamic')


def resume_latest(cfg: Config) -> None:
    """Go on from the latest checkpoint in the work dir, if there is one.

    The runner would prefer ``load_from``, hence restart from the initial
    weights of a fine-tuning run.
    """
    cfg.resume = find_latest_checkpoint(cfg.work_dir) is not None
    if cfg.resume:
        cfg.load_from = None


def main() -> None:
    args, cfg = parse_args()
    if args.amp:
        enable_amp(cfg)
    cfg.resume = False
    if args.resume:
        resume_latest(cfg)
    keep_freed_memory()
    build = RUNNERS.build if 'runner_type' in cfg else Runner.from_cfg
    build(cfg).train()
    leave_group()


if __name__ == '__main__':
    main()
