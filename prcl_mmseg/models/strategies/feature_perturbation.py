# Copyright (c) prcl_mmseg authors. All rights reserved.
from abc import ABCMeta, abstractmethod
from typing import Any, Dict, Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...value_check import check_number
from ..structures import map_tensors


class FeaturePerturbation(nn.Module, metaclass=ABCMeta):
    """Scales the channels of what enters the decoder, view by view.

    Features may be maps (N, C, h, w), tokens (N, L, C) or vectors (N, C), in
    tuples, lists and dicts of them. Where ``shared`` holds, those of as many
    channels, such as the layers of a ViT, get the same factors.

    Args:
        views (Sequence[str]): Names of the views that are perturbed.
    """

    shared = True

    def __init__(self, views: Sequence[str]) -> None:
        super().__init__()
        self.views = tuple(views)

    def forward(self, features: Any, sizes: Dict[str, int]) -> Any:
        """Perturb the features.

        Args:
            features (Any): Of the images of all views in a row.
            sizes (dict[str, int]): Number of images of each view, in their
                order.
        """
        factors: Dict[int, Tensor] = {}

        def scale(feature: Tensor) -> Tensor:
            axis = 1 if feature.dim() == 4 else -1
            channels = feature.shape[axis]
            if channels not in factors or not self.shared:
                factors[channels] = self._factors(sizes, channels,
                                                  feature.device)
            shape = [len(feature)] + [1] * (feature.dim() - 1)
            shape[axis] = channels
            return feature * factors[channels].view(shape).to(feature.dtype)

        return map_tensors(scale, features)

    @abstractmethod
    def draw(self, num: int, channels: int,
             device: torch.device) -> Sequence[Tensor]:
        """Draw the factors of the perturbed views.

        Args:
            num (int): Images of each view.
            channels (int): Channels of the features.
            device (torch.device): Of the factors.

        Returns:
            Sequence[Tensor]: One (num, channels) for each of ``views``.
        """

    def _factors(self, sizes: Dict[str, int], channels: int,
                 device: torch.device) -> Tensor:
        num = sizes[self.views[0]]
        drawn = dict(zip(self.views, self.draw(num, channels, device)))
        return torch.cat([
            drawn[name] if name in drawn else torch.ones(
                size, channels, device=device) for name, size in sizes.items()
        ])


@MODELS.register_module()
class ChannelDropout(FeaturePerturbation):
    """Drops each channel of each feature by itself, as UniMatch V1 does.

    Args:
        views (Sequence[str]): Names of the views. Defaults to ('dropped', ).
        prob (float): Probability of each channel of each image. Those that
            remain are scaled by 1 / (1 - prob). Defaults to 0.5.

    Raises:
        ValueError: If ``prob`` is not in [0, 1).
    """

    shared = False

    def __init__(self,
                 views: Sequence[str] = ('dropped', ),
                 prob: float = 0.5) -> None:
        super().__init__(views)
        self.prob = check_number(
            'strategy.feature_perturbation.prob', prob, 0, 1, open_high=True)

    def draw(self, num: int, channels: int,
             device: torch.device) -> Sequence[Tensor]:
        """0 or 1 / (1 - prob) for each view, image and channel."""
        return [(torch.rand(num, channels, device=device) >= self.prob).float()
                / (1 - self.prob) for _ in self.views]


@MODELS.register_module()
class ComplementaryDropout(FeaturePerturbation):
    """Two views of an image see complementary channels, as in UniMatch V2.

    The factors of an image are m, 0 or 2 with equal probability for each
    channel, in the first view, and 2 - m in the second. Some images are left
    as they are in both views (arXiv 2410.10777).

    Args:
        views (Sequence[str]): Names of the two views.
            Defaults to ('strong', 'strong2').
        kept (float): Share of the images that are left as they are, at
            random. Defaults to 0.5.

    Raises:
        ValueError: If there are not two views, or ``kept`` is not in [0, 1].
    """

    def __init__(self,
                 views: Sequence[str] = ('strong', 'strong2'),
                 kept: float = 0.5) -> None:
        super().__init__(views)
        if len(self.views) != 2:
            raise ValueError(f'strategy.feature_perturbation.views={views} '
                             'must be two views')
        self.kept = check_number('strategy.feature_perturbation.kept', kept, 0,
                                 1)

    def draw(self, num: int, channels: int,
             device: torch.device) -> Sequence[Tensor]:
        """m and 2 - m; 1 and 1 for the images that are kept."""
        mask = 2 * torch.randint(2, (num, channels), device=device).float()
        kept = torch.randperm(num, device=device) < int(num * self.kept)
        mask = mask.masked_fill(kept[:, None], 1.0)
        return mask, 2 - mask
