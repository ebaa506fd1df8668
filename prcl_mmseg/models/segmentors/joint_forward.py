# Copyright (c) prcl_mmseg authors. All rights reserved.
"""One pass of a segmentor over labelled and unlabelled images together.

The losses of the labelled part must be the segmentor's own, whatever its
heads compute. So the heads run once over the joint batch, and their ``loss``
then finds the labelled part of what they would compute anew.
"""
from contextlib import ExitStack, contextmanager
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence

import torch
from mmseg.models.segmentors import EncoderDecoder
from mmseg.utils import SampleList
from torch import Tensor, nn

from ...gaussian import DiagonalGaussian
from ..decode_heads import ProbabilisticDecodeHead


class JointOutput(NamedTuple):
    """What the segmentor says of the joint batch.

    Args:
        features (Sequence[Tensor]): Of the backbone (and neck).
        head_outputs (list): Output of each decode head; of a cascade several.
        embedding (DiagonalGaussian, optional): Means and variances of shape
            (N, D, h, w), if the last decode head is probabilistic.
    """

    features: Sequence[Tensor]
    head_outputs: List[Any]
    embedding: Optional[DiagonalGaussian]

    @property
    def seg_logits(self) -> Tensor:
        """Tensor: Logits of the last decode head, (N, C, h, w)."""
        output = self.head_outputs[-1]
        return output if isinstance(output, Tensor) else output[0]


def decode_heads(segmentor: EncoderDecoder) -> List[nn.Module]:
    """The decode heads of a segmentor, in the order in which they run."""
    heads = segmentor.decode_head
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads]


def joint_forward(segmentor: EncoderDecoder, images: Tensor) -> JointOutput:
    """Run backbone, neck and all decode heads once.

    Args:
        segmentor (EncoderDecoder): An mmseg segmentor, cascades included.
        images (Tensor): The joint batch, (N, C, H, W).
    """
    features = segmentor.extract_feat(images)
    outputs: List[Any] = []
    embedding = None
    for head in decode_heads(segmentor):
        inputs = (features, *outputs[-1:])
        if isinstance(head, ProbabilisticDecodeHead):
            output = head.forward_probabilistic(
                *inputs, image_size=tuple(images.shape[2:]))
            outputs.append(output.head_output)
            embedding = DiagonalGaussian(output.mean, output.var)
        else:
            outputs.append(head(*inputs))
    return JointOutput(features, outputs, embedding)


def segmentor_losses(segmentor: EncoderDecoder, output: JointOutput,
                     data_samples: SampleList) -> dict:
    """The segmentor's own losses of the first images of a joint batch.

    Args:
        segmentor (EncoderDecoder): The segmentor that gave ``output``.
        output (JointOutput): Of a batch that starts with the labelled images.
        data_samples (list[SegDataSample]): Of the labelled images.
    """
    num = len(data_samples)
    features = _first(output.features, num)
    with ExitStack() as stack:
        for head, head_output in zip(
                decode_heads(segmentor), output.head_outputs):
            if isinstance(head, ProbabilisticDecodeHead):
                head = head.head
            stack.enter_context(_replay(head, _first(head_output, num)))
        losses = segmentor._decode_head_forward_train(features, data_samples)
    if segmentor.with_auxiliary_head:
        losses.update(
            segmentor._auxiliary_head_forward_train(features, data_samples))
    return losses


@contextmanager
def _replay(module: nn.Module, output: Any) -> Iterator[None]:
    """Let ``module`` answer with an output that it has computed already."""
    module.forward = lambda *args, **kwargs: output
    try:
        yield
    finally:
        del module.forward


def _first(output: Any, num: int) -> Any:
    """The first ``num`` images of a tensor or of a nest of tensors."""
    if isinstance(output, torch.Tensor):
        return output[:num]
    if isinstance(output, dict):
        return {key: _first(value, num) for key, value in output.items()}
    if isinstance(output, (list, tuple)):
        return type(output)(_first(value, num) for value in output)
    return output
