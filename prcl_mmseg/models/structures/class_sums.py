# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, Optional

import torch
from mmengine.dist import all_reduce
from torch import Tensor


class ClassSums:
    """Adds up, on the device, what training steps say of each class.

    Part of no checkpoint: whoever reads the sums starts them anew.
    """

    def __init__(self) -> None:
        self._sums: Dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, **per_class: Tensor) -> None:
        """Add to sums by their names.

        Args:
            **per_class (Tensor): One value for each class, (C,).
        """
        for name, values in per_class.items():
            before = self._sums.get(name, 0)
            self._sums[name] = before + values.detach().float()

    def read(self) -> Dict[str, Tensor]:
        """The sums of all processes since the last reading, on the host.

        Every process must call it.
        """
        if not self._sums:
            return {}
        total = torch.stack(list(self._sums.values()))
        all_reduce(total)
        names, self._sums = list(self._sums), {}
        return dict(zip(names, total.cpu()))


def sum_by_class(label: Tensor,
                 num_classes: int,
                 values: Optional[Tensor] = None) -> Tensor:
    """The number of pixels of each class, or the sum of their values.

    Args:
        label (Tensor): Classes, int64 of any shape. What is no class counts
            for nothing.
        num_classes (int): Number of classes C.
        values (Tensor, optional): Values of the same shape.

    Returns:
        Tensor: fp32, (C,).
    """
    label = label.flatten()
    known = (label >= 0) & (label < num_classes)
    if values is None:
        values = torch.ones_like(label, dtype=torch.float32)
    sums = values.new_zeros(num_classes + 1)
    sums.index_add_(0, label.where(known, num_classes),
                    values.detach().flatten())
    return sums[:-1]
