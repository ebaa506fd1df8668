# Copyright (c) prcl_mmseg authors. All rights reserved.
"""One pass of a segmentor over labelled and unlabelled images together.

The losses of the labelled part must be the segmentor's own, whatever its
heads compute. So the heads run once over the joint batch, and their ``loss``
then finds the labelled part of what they would compute anew.
"""
from contextlib import ExitStack, contextmanager
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence

import torch
from mmseg.models.decode_heads import PointHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.utils import SampleList
from torch import Tensor, nn

from ...gaussian import DiagonalGaussian
from ..decode_heads import ProbabilisticDecodeHead


class JointOutput(NamedTuple):
    """What the segmentor says of the joint batch.

    Args:
        features (Sequence[Tensor]): Of the backbone (and neck).
        head_outputs (list): Output of each dense decode head; of a cascade
            several.
        seg_logits (Tensor): Logits of the last of them, (N, C, h, w).
        embedding (DiagonalGaussian, optional): Means and variances of shape
            (N, D, h, w), if a decode head is probabilistic.
    """

    features: Sequence[Tensor]
    head_outputs: List[Any]
    seg_logits: Tensor
    embedding: Optional[DiagonalGaussian]


def decode_heads(segmentor: EncoderDecoder) -> List[nn.Module]:
    """The decode heads of a segmentor, in the order in which they run."""
    heads = segmentor.decode_head
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads]


def dense_heads(segmentor: EncoderDecoder) -> List[nn.Module]:
    """The decode heads that classify every pixel, in their order.

    PointRend ends with heads that refine sampled points only. In training
    they learn from the labelled images, and what is said of all pixels comes
    from the head before; in prediction they refine as usual.
    """
    return [
        head for head in decode_heads(segmentor)
        if not isinstance(head, PointHead)
    ]


def embedding_head(segmentor: EncoderDecoder) -> ProbabilisticDecodeHead:
    """The decode head that embeds pixels."""
    return next(head for head in decode_heads(segmentor)
                if isinstance(head, ProbabilisticDecodeHead))


def joint_forward(segmentor: EncoderDecoder, images: Tensor) -> JointOutput:
    """Run backbone, neck and all dense decode heads once.

    Args:
        segmentor (EncoderDecoder): An mmseg segmentor, cascades included.
        images (Tensor): The joint batch, (N, C, H, W).
    """
    features = segmentor.extract_feat(images)
    outputs: List[Any] = []
    embedding = None
    for head in dense_heads(segmentor):
        inputs = (features, *outputs[-1:])
        with _classified(head) as classified:
            if isinstance(head, ProbabilisticDecodeHead):
                output = head.forward_probabilistic(
                    *inputs, image_size=tuple(images.shape[2:]))
                outputs.append(output.head_output)
                embedding = output.embedding
            else:
                outputs.append(head(*inputs))
    return JointOutput(features, outputs,
                       _pick_logits(outputs[-1], classified), embedding)


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
                dense_heads(segmentor), output.head_outputs):
            stack.enter_context(
                _replay(_plain(head), _first(head_output, num)))
        losses = segmentor._decode_head_forward_train(features, data_samples)
    if segmentor.with_auxiliary_head:
        losses.update(
            segmentor._auxiliary_head_forward_train(features, data_samples))
    return losses


def _plain(head: nn.Module) -> nn.Module:
    """The decode head itself, without what is wrapped around it."""
    return head.head if isinstance(head, ProbabilisticDecodeHead) else head


@contextmanager
def _classified(head: nn.Module) -> Iterator[List[Tensor]]:
    """Collect what the classifier of a decode head gives, for this pass."""
    outputs: List[Tensor] = []
    classifier = getattr(_plain(head), 'conv_seg', None)
    if classifier is None:
        yield outputs
        return
    handle = classifier.register_forward_hook(
        lambda _, args, output: outputs.append(output))
    try:
        yield outputs
    finally:
        handle.remove()


def _pick_logits(output: Any, classified: List[Tensor]) -> Tensor:
    """The logits among what a head gives in training.

    Heads with losses of their own give several tensors. The logits are the
    ones that the classifier gave, or else come first.
    """
    if isinstance(output, Tensor):
        return output
    for tensor in output:
        if any(tensor is logits for logits in classified):
            return tensor
    return output[0]


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
