# Copyright (c) prcl_mmseg authors. All rights reserved.
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn


def unwrap_model(model: nn.Module) -> nn.Module:
    """The model itself, without a distributed wrapper."""
    return model.module if is_model_wrapper(model) else model


def optimizer_stepped(runner: Runner) -> bool:
    """Whether this iteration ended an accumulation of gradients."""
    accumulation = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
    done = runner.iter + 1
    return done % accumulation == 0 or done == runner.max_iters
