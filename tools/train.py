# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Train a model: ``python tools/train.py CONFIG``."""
import argparse
import os.path as osp
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# First of all, to say so if the packages below don't fit.
import prcl_mmseg  # noqa: E402, F401

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.runner import Runner  # noqa: E402
from mmseg.registry import RUNNERS  # noqa: E402

from prcl_mmseg.engine.build_errors import (  # noqa: E402
    explain_build_errors)
from prcl_mmseg.engine.hook_check import check_followers  # noqa: E402
from prcl_mmseg.engine import CheckpointHook  # noqa: E402
from prcl_mmseg.engine.launch import (  # noqa: E402
    explain_timeout, keep_freed_memory, leave_group)
from prcl_mmseg.engine.resume import (  # noqa: E402
    Start, checkpoint_folder, choose_start, saved_checkpoints)
from prcl_mmseg.engine.tool_config import (  # noqa: E402
    add_common_arguments, load_config)


def parse_args() -> tuple:
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    parser.add_argument(
        '--resume',
        action='store_true',
        help='go on from the latest checkpoint in the work dir, or from '
        'load_from if that is given by --cfg-options')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='start over in a work dir that has checkpoints, and delete them')
    parser.add_argument(
        '--amp',
        action='store_true',
        help='train in automatic mixed precision')
    args = parser.parse_args()
    if args.amp and not torch.cuda.is_available():
        parser.error('--amp needs a GPU, but none is visible; leave it out')
    cfg = load_config(args, parser, training=True)
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if args.amp and wrapper not in ('OptimWrapper', 'AmpOptimWrapper'):
        parser.error(f'--amp cannot change optim_wrapper.type={wrapper!r} of '
                     f"{args.config}; make it 'OptimWrapper'")
    try:
        start = find_start(args, cfg)
    except ValueError as error:
        parser.error(str(error))
    cfg.resume = False
    return args, cfg, start


def enable_amp(cfg: Config) -> None:
    """Exchange the plain optimizer wrapper for one with mixed precision."""
    wrapper = cfg.optim_wrapper
    wrapper.type = 'AmpOptimWrapper'
    wrapper.setdefault('loss_scale', 'dynamic')


def find_start(args: argparse.Namespace, cfg: Config) -> Start:
    """Where the training starts: anew, or after earlier iterations.

    Raises:
        ValueError: If that would lose checkpoints of the work dir.
    """
    if args.resume or cfg.get('resume'):
        if args.overwrite:
            raise ValueError('--resume goes on and --overwrite starts over; '
                             'give one of them')
        return choose_start(cfg, 'load_from' in (args.cfg_options or {}))
    folder = checkpoint_folder(cfg)
    saved = saved_checkpoints(folder)
    load_from = cfg.get('load_from')
    if args.overwrite and load_from and osp.abspath(load_from) in map(
            osp.abspath, saved):
        raise ValueError(f'--overwrite would delete load_from={load_from!r}; '
                         'choose another --work-dir')
    if saved and not args.overwrite:
        raise ValueError(
            f'{folder} has checkpoints of an earlier training '
            f'({len(saved)}, such as {saved[0]}). Go on from the last one '
            'with --resume, or choose another --work-dir, or start over with '
            '--overwrite, which deletes them')
    return Start(False, load_from, [])


def main() -> None:
    args, cfg, start = parse_args()
    if args.amp:
        enable_amp(cfg)
    keep_freed_memory()
    build = RUNNERS.build if 'runner_type' in cfg else Runner.from_cfg
    with explain_build_errors(cfg), explain_timeout(cfg):
        runner = build(cfg)
        check_followers(runner)
        # Not in the config, of which the work dir gets a copy to use again.
        runner._resume, runner._load_from = start.resume, start.load_from
        for note in start.notes:
            runner.logger.warning(note)
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook):
                hook.overwrite = args.overwrite
        try:
            runner.train()
        except SystemExit as end:  # Saved on a signal.
            leave_group(end.code)
            raise
    leave_group()


if __name__ == '__main__':
    main()
