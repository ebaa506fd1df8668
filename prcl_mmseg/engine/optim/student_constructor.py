# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import List, Sequence

from mmengine.model import BaseAveragedModel
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class StudentOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor that passes over the teacher.

    The teacher has no gradient, so the default constructor would skip its
    parameters too, but with a warning for each of them. That constructor also
    makes a group of each parameter. Here those with equal settings share a
    group, so that a GPU updates them together. Groups are plain dicts,
    because torch.compile can't trace those that MMEngine makes.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer of a model and its wrapper."""
        # Without settings MMEngine would take all parameters as they are.
        self.paramwise_cfg = self.paramwise_cfg or dict(bypass_duplicate=True)
        optim_wrapper = super().__call__(model)
        optimizer = optim_wrapper.optimizer
        optimizer.param_groups = merged(optimizer.param_groups)
        return optim_wrapper

    def add_params(self, params: List[dict], module: nn.Module,
                   **kwargs) -> None:
        """Add the parameters of a module unless it is an averaged model.

        Args:
            params (list[dict]): Parameter groups, extended in place.
            module (nn.Module): The module to add.
            **kwargs: Passed on, see DefaultOptimWrapperConstructor.
        """
        if not isinstance(module, BaseAveragedModel):
            super().add_params(params, module, **kwargs)


def merged(groups: Sequence[dict]) -> List[dict]:
    """Join the parameter groups that differ in nothing but parameters.

    Args:
        groups (Sequence[dict]): Groups of an optimizer.

    Returns:
        list[dict]: The joined groups, by their first parameter's place.
    """
    result: List[dict] = []
    for group in groups:
        settings = {**group, 'params': None}
        same = next((other for other in result
                     if {**other, 'params': None} == settings), None)
        if same is None:
            result.append({**group, 'params': list(group['params'])})
        else:
            same['params'] += group['params']
    return result
