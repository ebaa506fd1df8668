# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The two branches that turn a decoder feature into a Gaussian per pixel."""
import math

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule, build_norm_layer
from torch import Tensor, nn

from ...value_check import check_number


class MeanBranch(nn.Sequential):
    """Means μ: 3×3 convolution, norm, ReLU, 1×1 convolution.

    Args:
        in_channels (int): Channels of the feature.
        embed_dims (int): Embedding dimensions D.
        norm_cfg (dict): Config of the norm layer.
    """

    def __init__(self, in_channels: int, embed_dims: int,
                 norm_cfg: dict) -> None:
        super().__init__(
            ConvModule(
                in_channels, embed_dims, 3, padding=1, norm_cfg=norm_cfg),
            nn.Conv2d(embed_dims, embed_dims, 1))


class RowNormalizedConv2d(nn.Conv2d):
    """1×1 convolution without bias whose filters have unit length."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, F.normalize(self.weight, dim=1))


class VarianceBranch(nn.Module):
    r"""Variances σ² in (0, 1): two row-normalised layers, then a squashing.

    The last norm layer has no affine part; a scalar scale γ and shift β
    follow it, then :math:`\mathrm{sigmoid}(\log(e^x + 10^{-6}))`, which is
    :math:`(e^x + 10^{-6}) / (1 + e^x + 10^{-6})`. It is computed in fp32 by a
    log-add-exp, so no ``x`` overflows it.

    Args:
        in_channels (int): Channels of the feature.
        embed_dims (int): Embedding dimensions D.
        norm_cfg (dict): Config of the norm layer: BN or SyncBN.
        initial_variance (float): σ² around which all start; 0.5 as published.
            The means, at unit length, are at most 2 apart. Where σ² is large
            beside that, its logarithm alone decides the mutual likelihood
            score, hence a smaller one. Defaults to 0.1.

    Raises:
        ValueError: If ``initial_variance`` is not between 0 and 1.
    """

    LOG_EPS = math.log(1e-6)

    def __init__(self,
                 in_channels: int,
                 embed_dims: int,
                 norm_cfg: dict,
                 initial_variance: float = 0.1) -> None:
        super().__init__()
        check_number(
            'contrast.head.initial_variance',
            initial_variance,
            0,
            1,
            open_low=True,
            open_high=True)
        self.conv1 = RowNormalizedConv2d(in_channels, embed_dims)
        self.norm1 = build_norm_layer(norm_cfg, embed_dims)[1]
        self.conv2 = RowNormalizedConv2d(embed_dims, embed_dims)
        self.norm2 = build_norm_layer(
            dict(norm_cfg, affine=False), embed_dims)[1]
        self.scale = nn.Parameter(torch.ones(1))
        logit = math.log(initial_variance / (1 - initial_variance))
        self.shift = nn.Parameter(torch.full((1, ), logit))

    def forward(self, x: Tensor) -> Tensor:
        """Variances of shape (N, D, H, W), always fp32."""
        x = F.relu(self.norm1(self.conv1(x)))
        x = self.norm2(self.conv2(x))
        with torch.autocast(x.device.type, enabled=False):
            x = self.scale * x.float() + self.shift
            return torch.logaddexp(x, x.new_full((), self.LOG_EPS)).sigmoid()


class FixedVariance(nn.Module):
    """The same variance σ² for every pixel and dimension: point embeddings.

    The 'sum' score of unit-length means is then their cosine similarity over
    2σ², up to constants, and prototypes are plain means. So what is left of
    the method is a deterministic contrast.

    Args:
        embed_dims (int): Embedding dimensions D.
        value (float): σ².
    """

    def __init__(self, embed_dims: int, value: float) -> None:
        super().__init__()
        self.embed_dims = embed_dims
        self.value = check_number(
            'contrast.head.fixed_variance', value, 0, open_low=True)

    def forward(self, x: Tensor) -> Tensor:
        """Variances of shape (N, D, H, W), fp32."""
        shape = (x.shape[0], self.embed_dims, *x.shape[2:])
        return torch.full(shape, self.value, device=x.device)
