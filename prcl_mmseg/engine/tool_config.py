# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The arguments that training and test tools share, as in mmseg."""
import os.path as osp
from argparse import ArgumentParser, Namespace

from mmengine.config import Config, DictAction

from .launch import adapt_to_run, remember_local_rank


def add_common_arguments(parser: ArgumentParser) -> None:
    """Add ``config --work-dir --cfg-options --launcher --local-rank``."""
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir',
        help='folder for logs, checkpoints and scores; by default '
        'work_dirs/ and the name of the config')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config, as key=value pairs: '
        'train_cfg.max_iters=100 a.b="[1,2]"')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started the processes; one process needs none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def load_config(args: Namespace, parser: ArgumentParser) -> Config:
    """Read the config, apply the arguments and fit it to the run.

    Args:
        args (Namespace): Parsed arguments.
        parser (ArgumentParser): Reports what is wrong with them.
    """
    remember_local_rank(args.local_rank)
    if not osp.isfile(args.config):
        parser.error(f'config {args.config!r} does not exist; the ready ones '
                     'are below configs/')
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        name = osp.splitext(osp.basename(args.config))[0]
        cfg.work_dir = osp.join('work_dirs', name)
    try:
        adapt_to_run(cfg, args.launcher)
    except ValueError as error:
        parser.error(str(error))
    return cfg
