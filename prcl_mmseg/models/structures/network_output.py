# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import (Any, Callable, List, NamedTuple, Optional, Sequence,
                    Tuple)

import torch
from mmseg.models.utils import resize
from torch import Tensor

from ...gaussian import DiagonalGaussian


class NetworkOutput(NamedTuple):
    """What a segmentor says of N images, those of all views in a row.

    Args:
        features (Any): What entered the decode heads, tensors or a nest of
            them.
        head_outputs (list): Output of each dense decode head; of a cascade
            several.
        seg_logits (Tensor): Logits of the last of them, (N, C, h, w).
        align_corners (bool): How the head resizes its logits.
        embed (Callable, optional): If a decode head is probabilistic: embeds
            the images of some slices, all by default, as Gaussians with
            tensors of shape (n, D, h, w).
    """

    features: Any
    head_outputs: List[Any]
    seg_logits: Tensor
    align_corners: bool
    embed: Optional[Callable[..., DiagonalGaussian]] = None

    def logits_at(self,
                  size: Tuple[int, int],
                  images: Sequence[slice] = (slice(None), )) -> Tensor:
        """Logits of the images of some slices at another size, in fp32.

        A one-channel binary head counts as two classes, see
        :func:`as_multiclass`.

        Args:
            size (tuple[int, int]): Height and width.
            images (Sequence[slice]): Which images. Defaults to all.

        Returns:
            Tensor: (n, C, height, width).
        """
        return resize(
            as_multiclass(pick_images(self.seg_logits, images)),
            size=size,
            mode='bilinear',
            align_corners=self.align_corners)


def pick_images(batch: Tensor, images: Sequence[slice]) -> Tensor:
    """The images of some slices of a batch, in their order."""
    joined = [images[0]]
    for part in images[1:]:
        # One slice of neighbours is a view, and its gradient is one tensor.
        if part.start == joined[-1].stop:
            joined[-1] = slice(joined[-1].start, part.stop)
        else:
            joined.append(part)
    if len(joined) == 1:
        return batch[joined[0]]
    return torch.cat([batch[part] for part in joined])


def as_multiclass(seg_logits: Tensor) -> Tensor:
    """Logits in fp32 whose softmax gives the class probabilities.

    A one-channel binary head gives the logit x of class 1; [0, x] has the
    same probabilities under the softmax as x under the sigmoid. A head with
    one sigmoid for each of several classes (FocalLoss) keeps its logits: of
    independent sigmoids, given that exactly one class is true, the
    probabilities are the softmax.
    """
    seg_logits = seg_logits.float()
    if seg_logits.shape[1] > 1:
        return seg_logits
    return torch.cat([torch.zeros_like(seg_logits), seg_logits], dim=1)
