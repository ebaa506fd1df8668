# Copyright (c) prcl_mmseg authors. All rights reserved.
from contextlib import contextmanager
from typing import (Any, Callable, Iterator, List, NamedTuple, Optional,
                    Tuple)

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..variance_summary import arithmetic_mean
from .embedding_branches import MeanBranch, VarianceBranch

# From a head and its pooled feature to one number per pixel, (N, 1, h, w).
Summary = Callable[['ProbabilisticDecodeHead', Tensor], Tensor]


class ProbabilisticOutput(NamedTuple):
    """What one forward pass gives.

    Args:
        head_output (Any): The wrapped head's own output.
        mean (Tensor): Means μ of the embeddings, (N, D, h, w), fp32.
        var (Tensor): Variances σ² of the embeddings, (N, D, h, w), fp32.
    """

    head_output: Any
    mean: Tensor
    var: Tensor


@MODELS.register_module()
class ProbabilisticDecodeHead(BaseModule):
    """Adds a Gaussian embedding per pixel to any decode head of mmseg.

    The head is wrapped, not rewritten: logits, losses, ``align_corners`` and
    ``num_classes`` are its own. The feature that enters one named layer, by
    default the classifier ``conv_seg``, is tapped while the head runs and
    feeds a mean and a variance branch.

    Args:
        head (dict): Config of an mmseg decode head.
        embed_dims (int): Embedding dimensions D. Defaults to 256.
        tap (str): Name of the layer whose input is embedded, as in
            ``named_modules()`` of the head. The published network taps the
            fused decoder feature, 'sep_bottleneck' of
            DepthwiseSeparableASPPHead. Defaults to 'conv_seg'.
        embed_stride (int): Finest stride, in pixels of the input image, at
            which to embed. A finer feature is averaged down to it, because
            memory grows with the pixels and neighbours say the same.
            Defaults to 4.
        norm_cfg (dict, optional): BN or SyncBN of the branches. Defaults to
            the wrapped head's if that is one of them, else to BN.
        init_cfg (dict, optional): Initialisation of the branches.

    Raises:
        ValueError: If the head has no layer of that name, or one from which
            the number of channels can't be read.
    """

    def __init__(self,
                 head: dict,
                 embed_dims: int = 256,
                 tap: str = 'conv_seg',
                 embed_stride: int = 4,
                 norm_cfg: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.head = MODELS.build(head)
        self.embed_dims = embed_dims
        self.embed_stride = embed_stride
        self.tap = tap
        channels = _input_channels(self.head, tap)
        norm_cfg = norm_cfg or _batch_norm_cfg(self.head)
        self.mean_branch = MeanBranch(channels, embed_dims, norm_cfg)
        self.variance_branch = VarianceBranch(channels, embed_dims, norm_cfg)
        self._summary: Optional[Summary] = None
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
        return self.head.threshold

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

    def forward_probabilistic(
            self, *inputs, image_size: Tuple[int, int]) -> ProbabilisticOutput:
        """Run the head once and embed the feature tapped on the way.

        Args:
            *inputs: What the wrapped head takes.
            image_size (tuple[int, int]): Height and width of the input
                images, from which ``embed_stride`` counts.
        """
        with self._tapped() as feature:
            head_output = self.head(*inputs)
        feature = self._pool(feature[-1], image_size)
        return ProbabilisticOutput(head_output,
                                   self.mean_branch(feature).float(),
                                   self.variance_branch(feature))

    def predict(self, *args) -> Tensor:
        """The wrapped head's prediction: logits (N, C, H, W).

        Inside :meth:`append_variance` one channel follows the C logits: the
        variance σ² of each pixel, summarised over D.
        """
        if self._summary is None:
            return self.head.predict(*args)
        with self._tapped() as feature:
            seg_logits = self.head.predict(*args)
        size = seg_logits.shape[2:]
        var = resize(
            self._summary(self, self._pool(feature[-1], size)),
            size=size,
            mode='bilinear',
            align_corners=self.align_corners)
        # σ² varies too little for fp16.
        return torch.cat([seg_logits.float(), var], dim=1)

    @contextmanager
    def append_variance(self,
                        summary: Optional[Summary] = None) -> Iterator[None]:
        """Let predictions carry σ² as one more channel.

        As a channel it passes through whole and sliding-window inference in
        exactly the way the logits do.

        Args:
            summary (Callable, optional): Gives one number per pixel, fp32 of
                shape (N, 1, h, w), for this head and the pooled feature.
                Defaults to the mean of σ² over D.
        """
        self._summary = summary or _mean_variance
        try:
            yield
        finally:
            self._summary = None

    @contextmanager
    def _tapped(self) -> Iterator[List[Tensor]]:
        """Collect the inputs of the tapped layer, for this pass only.

        A hook that stayed would be copied with the student, and the teacher's
        feature would end up in the wrong module.
        """
        inputs: List[Tensor] = []
        handle = self.head.get_submodule(self.tap).register_forward_pre_hook(
            lambda _, args: inputs.append(args[0]))
        try:
            yield inputs
        finally:
            handle.remove()

    def _pool(self, feature: Tensor, image_size: Tuple[int, int]) -> Tensor:
        finest = [-(-side // self.embed_stride) for side in image_size]
        size = [min(*sides) for sides in zip(feature.shape[2:], finest)]
        if size == list(feature.shape[2:]):
            return feature
        return F.adaptive_avg_pool2d(feature, size)

    def _load_plain_head(self, state_dict: dict, prefix: str, *_) -> None:
        """Let the weights of the plain head load into the wrapped one."""
        own = tuple(f'{prefix}{child}.' for child, _ in self.named_children())
        for key in list(state_dict):
            if key.startswith(prefix) and not key.startswith(own):
                plain = key[len(prefix):]
                state_dict[f'{prefix}head.{plain}'] = state_dict.pop(key)


def _mean_variance(head: ProbabilisticDecodeHead, feature: Tensor) -> Tensor:
    return arithmetic_mean(head.variance_branch(feature))


def _input_channels(head: nn.Module, tap: str) -> int:
    """Channels of the feature that enters the layer ``tap`` of ``head``."""
    layers = dict(head.named_modules())
    if not tap or tap not in layers:
        names = [name for name, _ in head.named_children()]
        raise ValueError(
            f'probabilistic_head.tap={tap!r}: {type(head).__name__} has no '
            'layer of that name; set it to one whose input is a feature map, '
            f'for example one of {names}')
    for layer in layers[tap].modules():
        channels = getattr(layer, 'in_channels', None)
        if isinstance(channels, int):
            return channels
    raise ValueError(
        f'probabilistic_head.tap={tap!r}: no convolution in this layer of '
        f'{type(head).__name__} tells how many channels enter it; tap a layer '
        'that holds one')


def _batch_norm_cfg(head: nn.Module) -> dict:
    norm_cfg = getattr(head, 'norm_cfg', None)
    if norm_cfg and norm_cfg['type'] in ('BN', 'SyncBN'):
        return norm_cfg
    return dict(type='BN')
