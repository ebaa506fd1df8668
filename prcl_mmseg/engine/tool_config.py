# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The arguments that training and test tools share, as in mmseg."""
import os.path as osp
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from fractions import Fraction
from typing import Optional

import torch
from mmengine.config import Config, DictAction

from .config_check import check_config, check_weight_files
from .config_options import merge_options
from .config_types import name_types
from .launch import adapt_to_run, remember_local_rank
from .warm_up import fit_warm_up


class OptionsAction(DictAction):
    """MMEngine's, which says what is wrong with a setting."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        for value in values:
            key, sign, given = value.partition('=')
            if not key or not sign:
                parser.error(f'{option_string}: {value} is no setting; give '
                             'key=value')
            if not self._is_readable(given):
                parser.error(
                    f'{option_string}: {value} has no readable value; give '
                    'numbers, words, or lists of them such as "[1,2]". Set '
                    'a dict key by key (a.b.type=... a.b.c=...), or in the '
                    'config file')
        super().__call__(parser, namespace, values, option_string)

    def _is_readable(self, value: str) -> bool:
        # Of a dict MMEngine would make words.
        if re.match(r'[\[(\s]*(dict\(|\{[^}:]+:)', value):
            return False
        try:
            self._parse_iterable(value)
        except (AssertionError, RecursionError):
            return False
        return True


def positive(text: str) -> int:
    """A whole number of at least 1, as a ``type`` of an argument."""
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f'{text} must be a whole number of at least 1')
    return int(text)


def share(text: str) -> Fraction:
    """A share such as 1/16 or 0.1, as a ``type`` of an argument."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ArgumentTypeError(
            f'{text} must be a share such as 1/16 or 0.1') from None


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
        action=OptionsAction,
        help='override settings of the config, as key=value pairs: '
        'train_cfg.max_iters=100 a.b="[1,2]"')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started the processes; one process needs none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def add_predicting_arguments(parser: ArgumentParser) -> None:
    """Add those of tools that predict: a config, a checkpoint, and how.

    ``config``, ``checkpoint``, ``--role``, ``--device``, ``--cfg-options``.
    """
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--role',
        choices=['teacher', 'student'],
        help='who predicts; by default as the config says')
    parser.add_argument(
        '--device', help='cpu, cuda:1, ...; by default a GPU if there is one')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        help='override settings of the config, as key=value pairs')


def read_predicting_config(args: Namespace, parser: ArgumentParser) -> Config:
    """Read the config of a tool that predicts, and choose the device.

    Args:
        args (Namespace): Parsed arguments, those of
            :func:`add_predicting_arguments`; ``device`` is set if it is
            None.
        parser (ArgumentParser): Reports errors.
    """
    if not osp.isfile(args.checkpoint):
        parser.error(f'checkpoint {args.checkpoint!r} does not exist')
    cfg = read_config(args, parser)
    adapt_to_run(cfg, launcher='none')
    if args.role is not None:
        if args.role == 'teacher' and cfg.model.get('teacher') is None:
            parser.error(f'--role teacher: the model of {args.config} has no '
                         'teacher (model.teacher); use --role student')
        cfg.model.predict_with = args.role
    args.device = args.device or (
        'cuda:0' if torch.cuda.is_available() else 'cpu')
    return cfg


def read_config(args: Namespace, parser: ArgumentParser) -> Config:
    """Read the config and override its settings by ``--cfg-options``.

    Args:
        args (Namespace): Parsed arguments, ``config`` and ``cfg_options``.
        parser (ArgumentParser): Reports what is wrong with them.
    """
    try:
        return open_config(args.config, args.cfg_options)
    except ValueError as error:
        parser.error(str(error))


def open_config(path: str, options: Optional[dict] = None) -> Config:
    """Read a config and override its settings.

    Args:
        path (str): A .py file.
        options (dict, optional): Settings, as ``--cfg-options`` has them.

    Raises:
        ValueError: If there is no such file, or it is no config.
    """
    if not osp.exists(path):
        raise ValueError(f'config {path!r} does not exist; the ready ones '
                         'are below configs/')
    if not osp.isfile(path) or not path.endswith('.py'):
        raise ValueError(f'config {path!r} is no config; give the path of '
                         'a .py file')
    try:
        cfg = Config.fromfile(path)
        if options is not None:
            merge_options(cfg, options)
    except (SyntaxError, ValueError, OSError, NameError, KeyError, TypeError,
            ImportError) as error:
        raise ValueError(f'config {path!r}: {error}') from error
    return cfg


def load_config(args: Namespace,
                parser: ArgumentParser,
                training: bool = False) -> Config:
    """Read the config, apply the arguments, fit it to the run and check it.

    Args:
        args (Namespace): Parsed arguments.
        parser (ArgumentParser): Reports what is wrong with them.
        training (bool): Whether it is to train. Defaults to False.
    """
    remember_local_rank(args.local_rank)
    cfg = read_config(args, parser)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        name = osp.splitext(osp.basename(args.config))[0]
        cfg.work_dir = osp.join('work_dirs', name)
    if osp.exists(cfg.work_dir) and not osp.isdir(cfg.work_dir):
        parser.error(f'--work-dir {cfg.work_dir!r} is no folder; choose '
                     'another')
    try:
        name_types(cfg)
        check_config(cfg, training)
        if training:
            check_weight_files(cfg)
            fit_warm_up(cfg)
        adapt_to_run(cfg, args.launcher)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    return cfg
