# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The published arithmetic of the contrast, written out plainly.

Per class, per anchor, with every intermediate materialised: what the fused
loss has to equal in distribution and to beat in time and memory.
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def mls(mean1: Tensor, var1: Tensor, mean2: Tensor, var2: Tensor) -> Tensor:
    """The published score: the mean over D of unit-length means' MLS."""
    difference = (F.normalize(mean1, dim=-1) - F.normalize(mean2, dim=-1))**2
    total = var1 + var2
    return -0.5 * (difference / total + torch.log(total)).mean(-1)


def draw_negatives(counts: np.ndarray, starts: np.ndarray,
                   sizes: np.ndarray) -> Tensor:
    """Indices of negative pixels, anchor by anchor and class by class.

    Args:
        counts (ndarray): How many of each class each anchor gets, (Q, K).
        starts (ndarray): First pixel of each class, (K,).
        sizes (ndarray): Number of pixels of each class, (K,).
    """
    drawn = []
    for anchor_counts in counts:
        for count, start, size in zip(anchor_counts, starts, sizes):
            drawn.append(start + np.random.randint(size, size=count))
    return torch.from_numpy(np.concatenate(drawn))


def published_contrast(mean: Tensor,
                       var: Tensor,
                       label: Tensor,
                       valid: Tensor,
                       prob: Tensor,
                       temperature: float = 100.0,
                       num_queries: int = 256,
                       num_negatives: int = 512,
                       threshold: float = 0.8) -> Tensor:
    """L_contrast of one process.

    Args:
        mean (Tensor): Means of the embeddings, (N, D, h, w).
        var (Tensor): Variances σ² of the embeddings, (N, D, h, w).
        label (Tensor): Classes, int64 (N, h, w).
        valid (Tensor): Which pixels count, bool (N, h, w).
        prob (Tensor): Softmax probabilities, (N, C, h, w).
        temperature (float): τ.
        num_queries (int): Anchors per class.
        num_negatives (int): Negatives per anchor.
        threshold (float): δ_s below which a pixel is hard.
    """
    mean, var = mean.permute(0, 2, 3, 1), var.permute(0, 2, 3, 1)
    pixel_mean, pixel_var, hard_mean, hard_var = [], [], [], []
    proto_mean, proto_var = [], []
    for number in range(prob.shape[1]):
        own = valid & (label == number)
        if not own.any():
            continue
        hard = own & (prob[:, number] < threshold)
        pixel_mean.append(mean[own].detach())
        pixel_var.append(var[own].detach())
        hard_mean.append(mean[hard])
        hard_var.append(var[hard])
        fused = 1 / (1 / pixel_var[-1]).sum(0)
        proto_var.append(fused)
        proto_mean.append(fused * (pixel_mean[-1] / pixel_var[-1]).sum(0))
    proto_mean, proto_var = torch.stack(proto_mean), torch.stack(proto_var)
    sizes = np.array([len(pixels) for pixels in pixel_mean])

    loss = 0 * (mean.sum() + var.sum())
    for number in range(len(sizes)):
        if len(hard_mean[number]) == 0 or len(sizes) < 2:
            continue
        chosen = torch.randint(len(hard_mean[number]), (num_queries, ))
        anchor_mean = hard_mean[number][chosen][:, None]
        anchor_var = hard_var[number][chosen][:, None]
        others = [k for k in range(len(sizes)) if k != number]
        similarity = mls(proto_mean[number], proto_var[number],
                         proto_mean[others], proto_var[others])
        drawn = torch.distributions.Categorical(
            logits=similarity / temperature).sample(
                (num_queries, num_negatives)).cpu().numpy()
        counts = np.stack([(drawn == k).sum(1) for k in range(len(others))], 1)
        starts = np.cumsum(sizes[others]) - sizes[others]
        negatives = draw_negatives(counts, starts, sizes[others])
        other_mean = torch.cat([pixel_mean[k] for k in others])[negatives]
        other_var = torch.cat([pixel_var[k] for k in others])[negatives]
        shape = (num_queries, num_negatives, -1)
        positive = (proto_mean[number].expand(num_queries, 1, -1),
                    proto_var[number].expand(num_queries, 1, -1))
        key_mean = torch.cat([positive[0], other_mean.view(shape)], 1)
        key_var = torch.cat([positive[1], other_var.view(shape)], 1)
        logits = mls(anchor_mean, anchor_var, key_mean, key_var) / temperature
        loss = loss + F.cross_entropy(
            logits, torch.zeros_like(chosen).to(logits.device))
    return loss / len(sizes)
