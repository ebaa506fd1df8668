# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Optional, Sequence

import torch
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS


@MODELS.register_module()
class MultiChannelSegDataPreProcessor(SegDataPreProcessor):
    """mmseg's preprocessor for images of any number of channels.

    One of the two families of OpenMMLab packages takes 1 or 3 values of mean
    and std only.

    Args:
        mean (Sequence[float], optional): Mean of each channel, or a single
            value for all. Defaults to None, no normalisation.
        std (Sequence[float], optional): Standard deviation, likewise.
        **kwargs: The other arguments of ``SegDataPreProcessor``.

    Raises:
        ValueError: If only one of mean and std is given, they differ in
            length, or a std is not positive.
    """

    def __init__(self,
                 mean: Optional[Sequence[float]] = None,
                 std: Optional[Sequence[float]] = None,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        if mean is None and std is None:
            return
        if mean is None or std is None or len(mean) != len(std) or min(
                std) <= 0:
            raise ValueError(
                f'data_preprocessor: mean={mean} and std={std} must be one '
                'mean and one positive std per channel.')
        self._enable_normalize = True
        self.register_buffer('mean',
                             torch.tensor(mean).float().view(-1, 1, 1), False)
        self.register_buffer('std',
                             torch.tensor(std).float().view(-1, 1, 1), False)
