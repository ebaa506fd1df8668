# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import List, Sequence, Tuple

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class ReadoutNeck(BaseModule):
    """Gives each feature map the readout token that mmseg's DPTHead expects.

    DPTHead takes pairs of a map and a class token. Backbones that give maps
    only, as those of MMPretrain, fit behind this neck: the token is the mean
    of the map. ``readout_type='ignore'`` of the head does without it.

    Example:
        >>> neck = ReadoutNeck()
        >>> maps, token = neck([torch.rand(2, 8, 5, 4)])[0]
        >>> token.shape
        torch.Size([2, 8])
    """

    def forward(self,
                inputs: Sequence[Tensor]) -> List[Tuple[Tensor, Tensor]]:
        """Pair maps (N, C, h, w) with tokens (N, C)."""
        return [(feature, feature.mean(dim=(2, 3))) for feature in inputs]
