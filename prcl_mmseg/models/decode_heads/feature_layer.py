# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Finding and recording the feature of a decode head that is embedded."""
import math
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Iterator, Optional, Tuple

from mmseg.models.decode_heads import (IterativeDecodeHead,
                                       SegmenterMaskTransformerHead)
from torch import Tensor, nn

# What to embed in heads without a classifier of their own. Segmenter compares
# patch tokens with class tokens: the patch tokens are its feature. K-Net
# compares one feature with kernels that it refines.
LAYERS = {
    SegmenterMaskTransformerHead: 'patch_proj',
    IterativeDecodeHead: 'kernel_generate_head.conv_seg'
}


# Where the running pass of this thread, if it is recorded, keeps what enters
# the layer. Of the thread, so that others may run the same head meanwhile.
_RECORDING: ContextVar[Optional['Recording']] = ContextVar(
    'recording', default=None)


class Recording:
    """The feature that one pass of a head leaves behind.

    Args:
        layer (str): Name of the layer, for messages.
    """

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self.input: Optional[Tensor] = None

    def feature(self, image_size: Tuple[int, int]) -> Tensor:
        """The feature as a map, (N, C, h, w).

        Args:
            image_size (tuple[int, int]): Height and width of the images, in
                whose shape tokens are laid out.

        Raises:
            RuntimeError: If the layer did not run, or what entered it is no
                map.
        """
        feature = self.input
        if feature is None:
            raise RuntimeError(
                f'contrast.head.feature_layer={self.layer!r}: the head does '
                'not run this layer; set it to one that it runs')
        if feature.dim() == 3:
            height = round(
                math.sqrt(feature.shape[1] * image_size[0] / image_size[1]))
            if height and feature.shape[1] % height == 0:
                return feature.transpose(1, 2).unflatten(2, (height, -1))
        if feature.dim() != 4:
            raise RuntimeError(
                f'contrast.head.feature_layer={self.layer!r}: its input of '
                f'shape {tuple(feature.shape)} is no map; name a layer whose '
                'input is (N, C, h, w), or has one token per pixel of a map')
        return feature


@contextmanager
def recording(layer: str) -> Iterator[Recording]:
    """Record the pass that this thread makes meanwhile."""
    result = Recording(layer)
    token = _RECORDING.set(result)
    try:
        yield result
    finally:
        _RECORDING.reset(token)


def remember_input(layer: nn.Module, args: tuple) -> None:
    """Forward pre-hook of the layer: keep what enters it, if recorded.

    It has no state of its own, so the teacher's copy of it works as well.
    """
    running = _RECORDING.get()
    if running is not None:
        running.input = args[0]


def default_layer(head: nn.Module) -> str:
    """The layer whose input is the decoder's final feature.

    It is ``conv_seg`` wherever mmseg's classifier was kept, else the one that
    is known for the class of the head, else the last convolution that has as
    many outputs as the head.

    Raises:
        ValueError: If there is none of these.
    """
    if hasattr(head, 'conv_seg'):
        return 'conv_seg'
    for head_class, layer in LAYERS.items():
        if isinstance(head, head_class):
            return layer
    classifiers = [
        name for name, layer in head.named_modules()
        if isinstance(layer, nn.Conv2d)
        and layer.out_channels == getattr(head, 'out_channels', None)
    ]
    if not classifiers:
        raise ValueError(
            f'{type(head).__name__} has no layer that is known to classify '
            'pixels; set contrast.head.feature_layer to the layer whose '
            f'input is to be embedded, {_example_layers(head)}')
    return classifiers[-1]


def input_channels(head: nn.Module, layer: str) -> int:
    """Channels that enter a layer of a head.

    Raises:
        ValueError: If there is no such layer, or it does not tell.
    """
    layers = dict(head.named_modules())
    if not layer or layer not in layers:
        raise ValueError(
            f'contrast.head.feature_layer={layer!r}: {type(head).__name__} '
            'has no layer of that name; set it to one whose input is a '
            f'feature map, {_example_layers(head)}')
    for module in layers[layer].modules():
        for name in ('in_channels', 'in_features'):
            channels = getattr(module, name, None)
            if isinstance(channels, int):
                return channels
    raise ValueError(
        f'contrast.head.feature_layer={layer!r}: no convolution or linear '
        f'layer in this layer of {type(head).__name__} tells how many '
        'channels enter it; name a layer that holds one')


def _example_layers(head: nn.Module) -> str:
    names = [name for name, _ in head.named_children()]
    return f'for example one of {names}'
