# Copyright (c) prcl_mmseg authors. All rights reserved.
"""From which confidence on a pseudo-label is sure."""
from typing import Union

import torch
from mmengine.dist import all_reduce
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...value_check import check_number
from ..structures import IGNORE_INDEX, View


@MODELS.register_module()
class FixedThreshold(nn.Module):
    """The same threshold all the time.

    Args:
        value (float): The confidence, in [0, 1]. Defaults to 0.95.

    Raises:
        ValueError: If it is not in [0, 1].
    """

    def __init__(self, value: float = 0.95) -> None:
        super().__init__()
        self.value = check_number('strategy.loss.threshold', value, 0, 1)

    def update(self, weak: View) -> None:
        """Nothing to learn from the weak view."""


@MODELS.register_module()
class AdaptiveThreshold(nn.Module):
    r"""CorrMatch's threshold, which follows the labeller's confidence.

    An exponential moving average of the mean, over the classes that are
    present in the pseudo-labels of all processes, of the highest confidence
    of each class (arXiv 2306.04300):

    .. math::
        \tau \leftarrow \lambda \tau + (1 - \lambda) \frac1{|P|}
        \sum_{c \in P} \max_{i: \hat y_i = c} \hat c_i

    Args:
        initial (float): τ at the start, in [0, 1]. Defaults to 0.85.
        momentum (float): λ, in [0, 1]. Defaults to 0.999.

    Raises:
        ValueError: If one is not in [0, 1].
    """

    value: Tensor

    def __init__(self, initial: float = 0.85, momentum: float = 0.999) -> None:
        super().__init__()
        check_number('strategy.loss.threshold.initial', initial, 0, 1)
        self.momentum = check_number('strategy.loss.threshold.momentum',
                                     momentum, 0, 1)
        self.register_buffer('value', torch.tensor(float(initial)))

    @torch.no_grad()
    def update(self, weak: View) -> None:
        """Move towards the confidences of a weak view.

        Every process must call it.
        """
        highest = weak.confidence.new_zeros(IGNORE_INDEX + 1)
        highest.scatter_reduce_(0, weak.label.flatten(),
                                weak.confidence.flatten(), 'amax')
        # A confidence that is NaN counts for nothing.
        highest = highest[:IGNORE_INDEX].nan_to_num(0.0)
        all_reduce(highest, op='max')
        number = (highest > 0).sum()
        # Without any pseudo-label there is nothing to follow.
        mean = torch.where(number > 0,
                           highest.sum() / number.clamp(min=1), self.value)
        self.value.lerp_(mean.to(self.value), 1 - self.momentum)


def build_threshold(threshold: Union[float, dict]) -> nn.Module:
    """A threshold from its config; a number is a fixed one."""
    if isinstance(threshold, dict):
        return MODELS.build(threshold)
    return FixedThreshold(threshold)
