# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Any, ContextManager, Optional, Sequence, Tuple

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...gaussian import DiagonalGaussian
from ...value_check import check_number
from ..structures import pick_images
from .embedding_branches import FixedVariance, MeanBranch, VarianceBranch
from .feature_layer import (Recording, default_layer, input_channels,
                            recording, remember_input)


@MODELS.register_module()
class ProbabilisticDecodeHead(BaseModule):
    """Adds a Gaussian embedding per pixel to any decode head of mmseg.

    The head is wrapped, not rewritten: logits, losses, ``align_corners`` and
    ``num_classes`` are its own. The feature that enters one layer, by default
    the classifier, is recorded while the head runs and feeds a mean and a
    variance branch.

    Args:
        head (dict): Config of an mmseg decode head.
        embed_dims (int): Embedding dimensions D. Defaults to 256.
        feature_layer (str, optional): Name of the layer whose input is
            embedded, as in ``named_modules()`` of the head. The published
            network embeds the fused decoder feature, 'sep_bottleneck' of
            DepthwiseSeparableASPPHead. Defaults to None, the classifier:
            ``conv_seg``, or what the head has instead.
        embed_stride (int): Finest stride, in pixels of the input image, at
            which to embed. A finer feature is averaged down to it, because
            cost and memory grow with the pixels and neighbours say the same;
            take 4 for small images. Defaults to 8, a quarter of the cost
            of 4.
        initial_variance (float): σ² around which the variance branch starts,
            see :class:`VarianceBranch`. Defaults to 0.1.
        fixed_variance (float, optional): A σ² for all pixels instead of a
            variance branch, to compare with a deterministic contrast.
            Defaults to None.
        norm_cfg (dict, optional): BN or SyncBN of the branches. Defaults to
            the wrapped head's if that is one of them, else to BN.
        init_cfg (dict, optional): Initialisation of the branches.

    Raises:
        ValueError: If the head has no layer of that name, or one from which
            the number of channels can't be read, or a number is not positive.
        RuntimeError: In the forward pass, if that layer does not run or what
            enters it is no map.
    """

    def __init__(self,
                 head: dict,
                 embed_dims: int = 256,
                 feature_layer: Optional[str] = None,
                 embed_stride: int = 8,
                 initial_variance: float = 0.1,
                 fixed_variance: Optional[float] = None,
                 norm_cfg: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.head = MODELS.build(head)
        self.embed_dims = check_number(
            'contrast.head.embed_dims', embed_dims, 1, whole=True)
        self.embed_stride = check_number(
            'contrast.head.embed_stride', embed_stride, 1, whole=True)
        if feature_layer is None:
            feature_layer = default_layer(self.head)
        self.feature_layer = feature_layer
        channels = input_channels(self.head, feature_layer)
        self.head.get_submodule(feature_layer).register_forward_pre_hook(
            remember_input)
        norm_cfg = norm_cfg or _batch_norm_cfg(self.head)
        self.mean_branch = MeanBranch(channels, embed_dims, norm_cfg)
        if fixed_variance is None:
            self.variance_branch = VarianceBranch(channels, embed_dims,
                                                  norm_cfg, initial_variance)
        else:
            self.variance_branch = FixedVariance(embed_dims, fixed_variance)
        self._register_load_state_dict_pre_hook(self._load_plain_head)

    @property
    def align_corners(self) -> bool:
        """bool: The wrapped head's flag for resizing logits."""
        return self.head.align_corners

    @property
    def num_classes(self) -> int:
        """int: Number of classes of the wrapped head."""
        return self.head.num_classes

    @property
    def out_channels(self) -> int:
        """int: Channels of the wrapped head's logits."""
        return self.head.out_channels

    @property
    def threshold(self) -> Optional[float]:
        """float: Threshold of a one-channel binary head, else None."""
        return getattr(self.head, 'threshold', None)

    @property
    def ignore_index(self) -> int:
        """int: The label that the wrapped head's losses ignore."""
        return self.head.ignore_index

    def forward(self, *inputs) -> Any:
        """The wrapped head's forward pass."""
        return self.head(*inputs)

    def loss(self, *args) -> dict:
        """The wrapped head's losses."""
        return self.head.loss(*args)

    def predict(self, *args) -> Tensor:
        """The wrapped head's prediction: logits (N, C, H, W)."""
        return self.head.predict(*args)

    def record(self) -> ContextManager[Recording]:
        """Record the feature of one pass of the wrapped head, to embed it."""
        return recording(self.feature_layer)

    def embed(self,
              recorded: Recording,
              image_size: Tuple[int, int],
              images: Sequence[slice] = (slice(None), )) -> DiagonalGaussian:
        """Embed what was recorded.

        Args:
            recorded (Recording): Of a pass over images.
            image_size (tuple[int, int]): Height and width of these images,
                from which ``embed_stride`` counts.
            images (Sequence[slice]): Which of them. Defaults to all.

        Returns:
            DiagonalGaussian: Means and variances of shape (n, D, h, w), fp32.
        """
        feature = pick_images(recorded.feature(image_size), images)
        feature = self._pool(feature, image_size)
        return DiagonalGaussian(
            self.mean_branch(feature).float(), self.variance_branch(feature))

    def _pool(self, feature: Tensor, image_size: Tuple[int, int]) -> Tensor:
        finest = [-(-side // self.embed_stride) for side in image_size]
        size = [min(*sides) for sides in zip(feature.shape[2:], finest)]
        if size == list(feature.shape[2:]):
            return feature
        return F.adaptive_avg_pool2d(feature, size)

    def _load_plain_head(self, state_dict: dict, prefix: str, *_) -> None:
        """Let the weights of the plain head load into the wrapped one."""
        # A plain head may have a part called head, too; branches it has not.
        names = [name for name in state_dict if name.startswith(prefix)]
        if any(name.startswith(f'{prefix}mean_branch.') for name in names):
            return
        weights = {name: state_dict.pop(name) for name in names}
        for name, weight in weights.items():
            state_dict[f'{prefix}head.{name[len(prefix):]}'] = weight


def _batch_norm_cfg(head: nn.Module) -> dict:
    norm_cfg = getattr(head, 'norm_cfg', None)
    if norm_cfg and norm_cfg['type'] in ('BN', 'SyncBN', nn.BatchNorm2d,
                                         nn.SyncBatchNorm):
        return norm_cfg
    return dict(type='BN')
