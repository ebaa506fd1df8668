# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Weights as functions of the progress of the training."""
import math

from mmengine.logging import MessageHub
from mmseg.registry import TASK_UTILS

from ...value_check import check_number


def training_progress() -> float:
    """Share of the training that is done, in [0, 1].

    Read from where MMEngine's runner writes it (and restores it on resume);
    0 outside a runner.
    """
    hub = MessageHub.get_current_instance()
    max_iters = hub.get_info('max_iters', 0)
    return min(1.0, hub.get_info('iter', 0) / max_iters) if max_iters else 0.0


@TASK_UTILS.register_module()
class GaussianRampDown:
    """exp(-sharpness · t²): from 1 down, the published contrast weight.

    Args:
        sharpness (float): Defaults to 5, which ends at exp(-5) = 0.0067.
    """

    def __init__(self, sharpness: float = 5.0) -> None:
        self.sharpness = check_number('ramp.sharpness', sharpness, 0)

    def __call__(self, progress: float) -> float:
        return math.exp(-self.sharpness * progress**2)


@TASK_UTILS.register_module()
class GaussianRampUp:
    """exp(-sharpness · (1 - t/length)²) up to t = length, then 1.

    Args:
        length (float): Share of the training that it takes, in (0, 1].
            Defaults to 0.1.
        sharpness (float): Defaults to 5.
    """

    def __init__(self, length: float = 0.1, sharpness: float = 5.0) -> None:
        self.length = check_number('ramp.length', length, 0, 1, open_low=True)
        self.sharpness = check_number('ramp.sharpness', sharpness, 0)

    def __call__(self, progress: float) -> float:
        rest = max(0.0, 1 - progress / self.length)
        return math.exp(-self.sharpness * rest**2)


@TASK_UTILS.register_module()
class Constant:
    """The same weight all the time.

    Args:
        value (float): Defaults to 1.
    """

    def __init__(self, value: float = 1.0) -> None:
        self.value = check_number('ramp.value', value, 0)

    def __call__(self, progress: float) -> float:
        return self.value
