# Copyright (c) prcl_mmseg authors. All rights reserved.
from mmengine.config import Config


def check_schedule(cfg: Config) -> None:
    """Raise ValueError for what would begin after the last iteration."""
    loop = cfg.train_cfg
    by_iteration = loop.get('type') == 'IterBasedTrainLoop' or loop.get(
        'by_epoch') is False
    if not by_iteration:
        return
    if loop.get('val_begin', 1) > loop.get('max_iters', 1):
        raise ValueError(
            f'train_cfg.val_begin={loop.val_begin} is beyond '
            f'train_cfg.max_iters={loop.max_iters}: there would be no '
            'validation; lower it')
    schedulers = cfg.get('param_scheduler') or []
    if isinstance(schedulers, dict):
        schedulers = [schedulers]
    for index, item in enumerate(schedulers):
        # ReduceOnPlateau steps after validations, whatever the loop counts.
        if isinstance(item, dict) and item.get('by_epoch', True) and \
                not item.get('convert_to_iter_based') and \
                'ReduceOnPlateau' not in str(item.get('type')):
            raise ValueError(
                f'param_scheduler.{index}.by_epoch=True, which is also its '
                'default: a training by iterations ends before its first '
                'epoch does, and the learning rate would never change; set '
                'by_epoch=False')
