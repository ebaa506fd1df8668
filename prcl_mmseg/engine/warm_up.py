# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Short trainings with the schedule of a long one."""
import logging

from mmengine.config import Config
from mmengine.logging import print_log

# Of the training, where the configured warm-up does not fit into it.
SHARE = 0.1


def fit_warm_up(cfg: Config) -> None:
    """Shorten a warm-up that is longer than the training, in place.

    A first try of a few iterations would otherwise end before the learning
    rate has risen, or not begin at all: MMEngine refuses a schedule that
    begins after the end. Every ``begin`` and ``end`` is scaled so that the
    warm-up is a tenth of the training, with a warning.

    Args:
        cfg (Config): Config of a run.
    """
    max_iters = (cfg.get('train_cfg') or {}).get('max_iters')
    schedulers = cfg.get('param_scheduler') or []
    if isinstance(schedulers, dict):
        schedulers = [schedulers]
    timed = [
        item for item in schedulers
        if isinstance(item, dict) and not item.get('by_epoch', True)
    ]
    if not isinstance(max_iters, int) or max_iters < 1 or not timed or \
            not _warms_up(timed[0]) or timed[0]['end'] < max_iters + (
                len(timed) == 1):
        return
    length = timed[0]['end']
    for item in timed:
        for name in ('begin', 'end'):
            if isinstance(item.get(name), int):
                item[name] = round(item[name] * SHARE * max_iters / length)
    # What is left without an iteration has nothing to do.
    cfg.param_scheduler = [
        item for item in schedulers if item not in timed or item.get(
            'end', max_iters) > item.get('begin', 0) + 1
    ]
    print_log(
        f'The warm-up of param_scheduler takes {length} iterations, but '
        f'train_cfg.max_iters={max_iters}: it is shortened to a tenth of '
        'them. Set begin and end of param_scheduler for another one.',
        logger='current',
        level=logging.WARNING)


def _warms_up(scheduler: dict) -> bool:
    """Whether a scheduler lets the learning rate rise at the beginning."""
    if not isinstance(scheduler.get('end'), int) or scheduler.get('begin', 0):
        return False
    if scheduler.get('type') == 'LinearLR':
        return scheduler.get('start_factor', 1 / 3) < scheduler.get(
            'end_factor', 1)
    return scheduler.get('type') == 'ConstantLR'
