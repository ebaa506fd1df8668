# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ..structures import NetworkOutput, View, sum_by_class, tensors_of
from .term import Term

# Enough pixels of a mask to know its classes.
_STRIDE = 4


@MODELS.register_module()
class TrainingHealth(Term):
    """Watches labels, pseudo-labels and the gradients of the losses.

    It learns nothing. ``TrainingHealthHook`` reads what it finds, prints it
    and warns.

    Attributes:
        gradients_wanted (bool): Whether the next step should measure the
            gradients of its losses, which costs a part of a backward pass.
    """

    reads_losses = True

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.gradients_wanted = False

    def forward(self, output: NetworkOutput, views: Dict[str, View],
                losses: Dict[str, Tensor]) -> Dict[str, Tensor]:
        """Count labels; measure gradients if they are wanted."""
        for name, view in views.items():
            label = view.label[:, ::_STRIDE, ::_STRIDE]
            kind = 'labels' if name == 'labeled' else 'pseudo_labels'
            number = sum_by_class(label, self.num_classes)
            self.class_sums.add(**{kind: number})
        if not self.gradients_wanted:
            return {}
        # The names of the heads' losses begin with their heads'.
        names = [name for name in losses if name.startswith('loss_')]
        return gradient_norms(losses, names, tensors_of(output.features))


def gradient_norms(losses: Dict[str, Tensor], names: Sequence[str],
                   features: Sequence[Tensor]) -> Dict[str, Tensor]:
    """How strongly single losses pull at the features that they share.

    Args:
        losses (dict[str, Tensor]): Losses by name.
        names (Sequence[str]): Which of them to look at.
        features (Sequence[Tensor]): What entered the decode heads.

    Returns:
        dict[str, Tensor]: L2 norm of the gradient of each, as
        ``gradient_NAME`` without 'loss'. Empty for a frozen backbone.
    """
    features = [feature for feature in features if feature.requires_grad]
    if not features:
        return {}
    # Gradients of a mean over pixels are too small for fp16.
    scale = 2.0**16 if features[-1].dtype == torch.float16 else 1.0
    norms = {}
    for name in names:
        # A loss may be a constant in some steps.
        if not losses[name].requires_grad:
            continue
        gradients = torch.autograd.grad(
            losses[name] * scale,
            features,
            retain_graph=True,
            allow_unused=True)
        squares = [
            gradient.float().square().sum() for gradient in gradients
            if gradient is not None
        ]
        if squares:
            norms[name.replace('loss', 'gradient')] = \
                torch.stack(squares).sum().sqrt() / scale
    return norms
