# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Finding and recording the feature of a decode head that is embedded."""
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional

from mmseg.models.decode_heads import SegmenterMaskTransformerHead
from torch import Tensor, nn

# What to tap in heads whose logits don't come from a convolution. Segmenter
# compares patch tokens with class tokens: the patch tokens are its feature.
TAPS = {SegmenterMaskTransformerHead: 'patch_proj'}


class FeatureTap:
    """Records what enters one layer of a decode head, as a map.

    Layers of tokens, (N, h·w, C), count as well as those of maps: the tokens
    are laid out in the shape of the head's logits.

    Args:
        head (nn.Module): A decode head of mmseg.
        layer (str, optional): Name of the layer, as in ``named_modules()`` of
            the head. None chooses the classifier, see :func:`default_layer`.

    Attributes:
        layer (str): Name of the tapped layer.
        in_channels (int): Channels C of the feature.

    Raises:
        ValueError: If there is no such layer, or the number of channels that
            enter it can't be read.
    """

    def __init__(self, head: nn.Module, layer: Optional[str] = None) -> None:
        self.layer = default_layer(head) if layer is None else layer
        self.in_channels = _input_channels(head, self.layer)

    @contextmanager
    def record(self, head: nn.Module) -> Iterator['Recording']:
        """Record one pass of ``head``, in whichever way it is started.

        Hooks that stayed would be copied with the student, and the teacher's
        feature would end up in the wrong module.
        """
        recording = Recording(self.layer)
        forward = head.forward

        def remember_output(*args, **kwargs) -> Any:
            recording.outputs.append(forward(*args, **kwargs))
            return recording.outputs[-1]

        handle = head.get_submodule(self.layer).register_forward_pre_hook(
            lambda _, args: recording.inputs.append(args[0]))
        head.forward = remember_output
        try:
            yield recording
        finally:
            del head.forward
            handle.remove()


class Recording:
    """What one pass of a head left behind.

    Args:
        layer (str): Name of the tapped layer, for messages.
    """

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self.inputs: List[Tensor] = []
        self.outputs: List[Any] = []

    def feature(self) -> Tensor:
        """The tapped feature as a map, (N, C, h, w).

        Raises:
            RuntimeError: If the layer did not run, or what entered it is no
                map.
        """
        if not self.inputs:
            raise RuntimeError(
                f'probabilistic_head.tap={self.layer!r}: the head does not '
                'run this layer; set it to one that it runs')
        feature = self.inputs[-1]
        if feature.dim() == 3:
            output = self.outputs[-1]
            logits = output if isinstance(output, Tensor) else output[0]
            height, width = logits.shape[2:]
            if feature.shape[1] == height * width:
                return feature.transpose(1, 2).unflatten(2, (height, width))
        if feature.dim() != 4:
            raise RuntimeError(
                f'probabilistic_head.tap={self.layer!r}: its input of shape '
                f'{tuple(feature.shape)} is no map; tap a layer whose input '
                'is (N, C, h, w), or has one token per pixel of the logits')
        return feature


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
    for head_class, layer in TAPS.items():
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
            'pixels; set probabilistic_head.tap to the layer whose input is '
            f'to be embedded, {_example_layers(head)}')
    return classifiers[-1]


def _input_channels(head: nn.Module, layer: str) -> int:
    layers = dict(head.named_modules())
    if not layer or layer not in layers:
        raise ValueError(
            f'probabilistic_head.tap={layer!r}: {type(head).__name__} has no '
            'layer of that name; set it to one whose input is a feature map, '
            f'{_example_layers(head)}')
    for module in layers[layer].modules():
        for name in ('in_channels', 'in_features'):
            channels = getattr(module, name, None)
            if isinstance(channels, int):
                return channels
    raise ValueError(
        f'probabilistic_head.tap={layer!r}: no convolution or linear layer in '
        f'this layer of {type(head).__name__} tells how many channels enter '
        'it; tap a layer that holds one')


def _example_layers(head: nn.Module) -> str:
    names = [name for name, _ in head.named_children()]
    return f'for example one of {names}'
