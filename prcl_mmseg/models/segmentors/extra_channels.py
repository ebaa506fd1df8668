# Copyright (c) prcl_mmseg authors. All rights reserved.
from contextlib import contextmanager
from typing import Callable, Iterator, List

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor

from ..decode_heads.feature_tap import Recording
from .joint_forward import embedding_head

# From the recording of the embedding head and logits (N, C, H, W) to K other
# maps, (N, K, H, W).
Maps = Callable[[Recording, Tensor], Tensor]


@contextmanager
def extra_channels(segmentor: EncoderDecoder, number: int,
                   maps: Maps) -> Iterator[None]:
    """Let a segmentor's logits carry other maps as more, last channels.

    As channels they pass through whole and sliding-window inference in
    exactly the way the logits do, and it does not matter which head of a
    cascade is probabilistic.

    Args:
        segmentor (EncoderDecoder): With a probabilistic decode head.
        number (int): How many channels K they are.
        maps (Callable): Gives them.
    """
    head = embedding_head(segmentor)
    encode_decode = segmentor.encode_decode

    def with_maps(inputs: Tensor, batch_img_metas: List[dict]) -> Tensor:
        with head.record() as recording:
            seg_logits = encode_decode(inputs, batch_img_metas)
        return torch.cat([seg_logits, maps(recording, seg_logits)], dim=1)

    segmentor.encode_decode = with_maps
    segmentor.out_channels += number
    try:
        yield
    finally:
        segmentor.out_channels -= number
        del segmentor.encode_decode
