# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What training steps show of themselves, for a hook to read now and then."""
from typing import Dict, NamedTuple, Optional, Sequence

import torch
from mmengine.dist import all_reduce
from torch import Tensor


class ClassTotals(NamedTuple):
    """Sums over some training steps for each class, all of shape (C,).

    Args:
        labels (Tensor): Pixels of the labelled masks.
        pseudo_labels (Tensor): Pixels of the pseudo-labels.
        pixels (Tensor): Embeddings that take part in the contrast.
        variance (Tensor): Sum of their σ², averaged over D.
        anchors (Tensor): Anchors of the contrast.
    """

    labels: Tensor
    pseudo_labels: Tensor
    pixels: Tensor
    variance: Tensor
    anchors: Tensor


class TrainingHealth:
    """Adds up, on the device, what each step says of each class.

    Part of no checkpoint: whoever reads it starts the sums anew.

    Args:
        num_classes (int): Number of classes C.

    Attributes:
        gradients_wanted (bool): Whether the next step should measure the
            gradients of its losses, which costs a part of a backward pass.
    """

    # Enough pixels of a mask to know its classes.
    STRIDE = 4

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.gradients_wanted = False
        self._totals: Optional[Tensor] = None

    @torch.no_grad()
    def add(self, **per_class: Tensor) -> None:
        """Add to fields of :class:`ClassTotals`, by their names.

        Args:
            **per_class (Tensor): Of shape (C,).
        """
        for name, values in per_class.items():
            if self._totals is None:
                self._totals = values.new_zeros(
                    (len(ClassTotals._fields), self.num_classes),
                    dtype=torch.float32)
            self._totals[ClassTotals._fields.index(name)] += values

    def add_masks(self, **masks: Tensor) -> None:
        """Count the pixels of masks and add them, see :meth:`add`.

        Args:
            **masks (Tensor): Classes, int64 of shape (N, H, W). What is no
                class counts for nothing.
        """
        self.add(
            **{
                name: self.class_sums(mask[:, ::self.STRIDE, ::self.STRIDE])
                for name, mask in masks.items()
            })

    def class_sums(self,
                   label: Tensor,
                   values: Optional[Tensor] = None) -> Tensor:
        """The number of pixels of each class, or the sum of their values.

        Args:
            label (Tensor): Classes, int64 of any shape.
            values (Tensor, optional): Values of the same shape.

        Returns:
            Tensor: fp32, (C,).
        """
        label = label.flatten()
        known = (label >= 0) & (label < self.num_classes)
        if values is None:
            values = torch.ones_like(label, dtype=torch.float32)
        sums = values.new_zeros(self.num_classes + 1)
        sums.index_add_(0, label.where(known, self.num_classes),
                        values.detach().flatten())
        return sums[:-1]

    def read(self) -> Optional[ClassTotals]:
        """The sums of all processes since the last reading.

        Every process must call it. None before the first step.
        """
        if self._totals is None:
            return None
        all_reduce(self._totals)
        totals, self._totals = self._totals.cpu(), None
        return ClassTotals(*totals)


def gradient_norms(losses: Dict[str, Tensor], names: Sequence[str],
                   features: Sequence[Tensor]) -> Dict[str, Tensor]:
    """How strongly single losses pull at the features that they share.

    Args:
        losses (dict[str, Tensor]): Losses by name.
        names (Sequence[str]): Which of them to look at.
        features (Sequence[Tensor]): Feature maps of the backbone (and neck).

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
        gradients = torch.autograd.grad(
            losses[name] * scale,
            features,
            retain_graph=True,
            allow_unused=True)
        squares = [
            gradient.float().square().sum() for gradient in gradients
            if gradient is not None
        ]
        norms[name.replace('loss', 'gradient')] = \
            torch.stack(squares).sum().sqrt() / scale
    return norms
