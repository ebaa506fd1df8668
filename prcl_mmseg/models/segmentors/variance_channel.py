# Copyright (c) prcl_mmseg authors. All rights reserved.
from contextlib import contextmanager
from typing import Iterator, List, Optional

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor

from ..decode_heads.probabilistic_decode_head import Summary
from .joint_forward import embedding_head


@contextmanager
def variance_channel(segmentor: EncoderDecoder,
                     summary: Optional[Summary] = None) -> Iterator[None]:
    """Let a segmentor's logits carry σ² as one more channel, the last.

    As a channel it passes through whole and sliding-window inference in
    exactly the way the logits do, and it does not matter which head of a
    cascade is probabilistic.

    Args:
        segmentor (EncoderDecoder): With a probabilistic decode head.
        summary (Callable, optional): See
            :meth:`ProbabilisticDecodeHead.variance_map`.
    """
    head = embedding_head(segmentor)
    encode_decode = segmentor.encode_decode

    def with_variance(inputs: Tensor, batch_img_metas: List[dict]) -> Tensor:
        with head.record() as recording:
            seg_logits = encode_decode(inputs, batch_img_metas)
        var = head.variance_map(recording, tuple(seg_logits.shape[2:]),
                                summary)
        # σ² varies too little for fp16.
        return torch.cat([seg_logits.float(), var], dim=1)

    segmentor.encode_decode = with_variance
    segmentor.out_channels += 1
    try:
        yield
    finally:
        segmentor.out_channels -= 1
        del segmentor.encode_decode
