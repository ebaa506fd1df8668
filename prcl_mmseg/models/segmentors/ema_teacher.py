# Copyright (c) prcl_mmseg authors. All rights reserved.
import torch
from mmengine.model import MomentumAnnealingEMA
from mmseg.registry import MODELS
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ...value_check import check_number
from .named_tensors import named_tensors


@MODELS.register_module()
class EMATeacher(MomentumAnnealingEMA):
    """The teacher: an exponential moving average of the student.

    MMEngine's averaged model with three things looked after. Tensors that
    ``.to(device)`` or a swap of SyncBN replaced are looked up anew at each
    update, so the teacher always moves. Floating-point buffers (BN running
    statistics) are averaged like the weights they belong to, integer buffers
    are copied. All tensors are averaged together: one by one would take a
    kernel for each, and wait for the device to learn the momentum.

    Args:
        model (nn.Module): The student; the teacher starts as its copy.
        momentum (float): Weight of the *student* in an update, at the end of
            the warm-up. Defaults to 0.01, the published 0.99 for the teacher.
        gamma (int): Warm-up: the weight is at least gamma/(gamma + steps).
            Defaults to 1, which gives min(1 - 1/(step + 1), 0.99).
        interval (int): Steps between two updates. Defaults to 1.
    """

    def __init__(self,
                 model: nn.Module,
                 momentum: float = 0.01,
                 gamma: int = 1,
                 interval: int = 1) -> None:
        check_number('model.teacher.momentum', momentum, 0, 1, True, True)
        check_number('model.teacher.gamma', gamma, 1, whole=True)
        check_number('model.teacher.interval', interval, 1, whole=True)
        super().__init__(
            model,
            momentum=momentum,
            gamma=gamma,
            interval=interval,
            update_buffers=True)
        # MMEngine's list of what it averages, which is not used here, would
        # keep a copy of all weights on the CPU.
        self.avg_parameters = {}

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Move towards the student.

        Args:
            model (nn.Module): The student.
        """
        steps = int(self.steps)
        weight = max(self.momentum, self.gamma / (self.gamma + steps))
        averaged, sources = [], []
        pairs = zip(named_tensors(self.module), named_tensors(model))
        for (_, target), (_, source) in pairs:
            if not source.is_floating_point():
                target.copy_(source)
            else:
                averaged.append(target)
                sources.append(source)
        # In the first step the weight is 1, which copies.
        if averaged and steps % self.interval == 0:
            get_ema_multi_avg_fn(1 - weight)(averaged, sources, None)
        self.steps += 1


@torch.no_grad()
def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Give a network all parameters and buffers of another, equal one.

    Loading a state dict would do the same but for networks that take some of
    their own buffers out of what they load, as Swin V2 does.
    """
    own = target.state_dict()
    for name, value in source.state_dict().items():
        own[name].copy_(value)
