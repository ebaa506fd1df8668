# Copyright (c) prcl_mmseg authors. All rights reserved.
"""One pass of a segmentor over the images of all views together.

The losses of the labelled images must be the segmentor's own, whatever its
heads compute: they are computed from the part of the heads' outputs that
belongs to them.
"""
from contextlib import contextmanager
from functools import partial
from typing import Any, Callable, Iterator, List, Optional, Tuple

from mmseg.models.decode_heads import IterativeDecodeHead
from mmseg.models.decode_heads.cascade_decode_head import BaseCascadeDecodeHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.utils import SampleList, add_prefix
from torch import Tensor, nn

from ...gaussian import DiagonalGaussian
from ..decode_heads import (ProbabilisticDecodeHead, decode_heads, dense_heads,
                            embedding_head)
from ..structures import NetworkOutput, map_tensors


def run_network(
    segmentor: EncoderDecoder,
    images: Tensor,
    perturb: Callable[[Any], Any] = lambda features: features
) -> NetworkOutput:
    """Run backbone, neck and all dense decode heads once.

    Args:
        segmentor (EncoderDecoder): An mmseg segmentor, cascades included.
        images (Tensor): (N, C, H, W).
        perturb (Callable): Changes the features between encoder and decoder.
    """
    features = perturb(segmentor.extract_feat(images))
    # Gradients with respect to these tensors of their own need no backward
    # pass of the encoder, which may be a checkpointed one.
    features = map_tensors(lambda feature: feature.view_as(feature), features)
    outputs: List[Any] = []
    embed = None
    for head in dense_heads(segmentor):
        inputs = (features, *outputs[-1:])
        with _classified(head) as classified:
            if isinstance(head, ProbabilisticDecodeHead):
                with head.record() as recorded:
                    outputs.append(head(*inputs))
                embed = partial(head.embed, recorded, tuple(images.shape[2:]))
            else:
                outputs.append(head(*inputs))
    return NetworkOutput(features, outputs,
                         _pick_logits(_plain(head), outputs[-1], classified),
                         head.align_corners, embed)


def own_losses(segmentor: EncoderDecoder, output: NetworkOutput,
               data_samples: SampleList) -> dict:
    """The segmentor's own losses of the first images of a pass.

    Args:
        segmentor (EncoderDecoder): The segmentor that gave ``output``.
        output (NetworkOutput): Of images that begin with the labelled ones.
        data_samples (list[SegDataSample]): Of the labelled images.
    """
    num = len(data_samples)
    features = _first(output.features, num)
    outputs = _first(output.head_outputs, num)
    losses = {}
    heads = decode_heads(segmentor)
    for index, head in enumerate(heads):
        prefix = 'decode' if len(heads) == 1 else f'decode_{index}'
        if index < len(outputs) and _has_standard_loss(_plain(head)):
            own = _plain(head).loss_by_feat(outputs[index], data_samples)
        else:
            own = head.loss(features, *outputs[:index][-1:], data_samples,
                            segmentor.train_cfg)
        losses.update(add_prefix(own, prefix))
    if segmentor.with_auxiliary_head:
        losses.update(
            segmentor._auxiliary_head_forward_train(features, data_samples))
    return losses


def predict_logits(
    segmentor: EncoderDecoder,
    images: Tensor,
    batch_img_metas: Optional[List[dict]] = None,
    embed: bool = True
) -> Tuple[Tensor, Optional[DiagonalGaussian]]:
    """Logits as large as the images and, from the same pass, the embedding.

    Args:
        segmentor (EncoderDecoder): An mmseg segmentor.
        images (Tensor): (N, C, H, W).
        batch_img_metas (list[dict], optional): As for ``encode_decode``.
        embed (bool): Whether to embed where a head can. Defaults to True.

    Returns:
        tuple: Logits (N, C, H, W), and a Gaussian with tensors (N, D, h, w)
        or None.
    """
    size = tuple(images.shape[2:])
    if batch_img_metas is None:
        meta = dict(img_shape=size, pad_shape=size, ori_shape=size)
        batch_img_metas = [meta] * len(images)
    head = embedding_head(segmentor) if embed else None
    if head is None:
        return segmentor.encode_decode(images, batch_img_metas), None
    with head.record() as recorded:
        seg_logits = segmentor.encode_decode(images, batch_img_metas)
    return seg_logits, head.embed(recorded, size)


def _has_standard_loss(head: nn.Module) -> bool:
    """Whether a head's loss is the loss of the output of its forward pass."""
    return type(head).loss in (BaseDecodeHead.loss, BaseCascadeDecodeHead.loss)


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


def _pick_logits(head: nn.Module, output: Any,
                 classified: List[Tensor]) -> Tensor:
    """The logits among what a head gives in training.

    Heads with losses of their own give several tensors. The logits are the
    ones that the classifier gave, or else come first. K-Net gives those of
    all its stages, and predicts with the last.
    """
    if isinstance(output, Tensor):
        return output
    if isinstance(head, IterativeDecodeHead):
        return output[-1]
    for tensor in output:
        if any(tensor is logits for logits in classified):
            return tensor
    return output[0]


def _first(nest: Any, num: int) -> Any:
    """The first ``num`` images of a tensor or of a nest of tensors."""
    return map_tensors(lambda tensor: tensor[:num], nest)
