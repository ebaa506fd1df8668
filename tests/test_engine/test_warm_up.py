# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A first try of a few iterations learns, whatever the warm-up."""
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS

from prcl_mmseg.engine.warm_up import fit_warm_up

SCHEDULE = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='PolyLR', power=0.9, begin=50, by_epoch=False)
]


def make_config(max_iters: int, schedule=SCHEDULE) -> Config:
    return Config(
        dict(
            train_cfg=dict(max_iters=max_iters), param_scheduler=schedule))


def rates(cfg: Config) -> list:
    """The learning rates of a training, as MMEngine's runner sets them."""
    optimizer = build_optim_wrapper(
        torch.nn.Linear(1, 1), dict(optimizer=dict(type='SGD',
                                                   lr=1.0))).optimizer
    schedulers = [
        PARAM_SCHEDULERS.build(
            item,
            default_args=dict(
                optimizer=optimizer, end=cfg.train_cfg.max_iters))
        for item in cfg.param_scheduler
    ]
    found = []
    for _ in range(cfg.train_cfg.max_iters):
        found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return found


@pytest.mark.parametrize('max_iters', [1, 2, 3, 10, 20, 49, 50])
def test_a_warm_up_beyond_the_end_is_shortened(max_iters):
    cfg = make_config(max_iters)
    fit_warm_up(cfg)
    found = rates(cfg)
    assert max(found) > 0.9
    # Most of the training comes after the warm-up.
    assert found.index(max(found)) <= 0.2 * max_iters


@pytest.mark.parametrize('max_iters', [51, 1000])
def test_a_warm_up_that_fits_stays(max_iters):
    cfg = make_config(max_iters)
    fit_warm_up(cfg)
    assert cfg.param_scheduler == make_config(max_iters).param_scheduler


@pytest.mark.parametrize('schedule', [
    None, [],
    dict(type='PolyLR', by_epoch=False),
    [dict(type='PolyLR', by_epoch=False, end=400)],
    [dict(type='LinearLR', by_epoch=True, begin=0, end=5)]
])
def test_schedules_without_a_warm_up_in_iterations_stay(schedule):
    cfg = make_config(3, schedule)
    fit_warm_up(cfg)
    assert cfg.param_scheduler == make_config(3, schedule).param_scheduler


@pytest.mark.parametrize('schedule', [
    # What falls is no warm-up.
    [
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=10),
        dict(type='LinearLR', start_factor=1., end_factor=0., begin=10,
             end=100, by_epoch=False)
    ],
    # Nor is what rises through the whole training, alone.
    [dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100)],
])
def test_schedules_that_end_with_the_training_stay(schedule):
    cfg = make_config(100, schedule)
    fit_warm_up(cfg)
    assert cfg.param_scheduler == schedule


def test_schedulers_by_epoch_stay_beside_a_warm_up():
    by_epoch = dict(type='MultiStepLR', milestones=[3])
    cfg = make_config(10, [*SCHEDULE, by_epoch])
    fit_warm_up(cfg)
    assert by_epoch in cfg.param_scheduler
