# Copyright (c) prcl_mmseg authors. All rights reserved.
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from .unwrap import unwrap_model


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keeps the model in the channels-last memory format (NHWC).

    Convolutions on tensor cores, under AMP above all, read that format
    without reordering. Results are the same up to rounding. Feature maps
    follow the format of the weights, so nothing else has to change.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Convert all weights of four dimensions.

        Once they are initialised, because random numbers are written in the
        order of the memory. Processes exchange gradients in the order that
        the wrapper found, so the model is wrapped anew.
        """
        model = unwrap_model(runner.model)
        model.to(memory_format=torch.channels_last)
        if model is not runner.model:
            runner.model = runner.wrap_model(
                runner.cfg.get('model_wrapper_cfg'), model)
            runner._maybe_compile('train_step')
