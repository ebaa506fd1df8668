# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmseg.models.utils import resize
from mmseg.registry import MODELS, TASK_UTILS
from torch import Tensor, nn

from ...gaussian import DiagonalGaussian
from ...value_check import check_choice, check_number
from ..decode_heads import embedding_head, make_probabilistic
from ..losses.ramps import training_progress
from ..structures import NetworkOutput, View, image_slices, sum_by_class
from ..terms import Term
from .class_evidence import ClassEvidence
from .prototype_posterior import class_log_posterior
from .variance_summary import (arithmetic_mean, effective_variance,
                               geometric_mean)

VARIANCE_SUMMARIES = ('mean', 'log_mean', 'prototype')


@MODELS.register_module()
class PrototypeContrast(Term):
    r"""Probabilistic representation contrastive learning, beside any strategy.

    Every pixel of every view is embedded as a Gaussian and contrasted with
    class prototypes that are distributions: :math:`\lambda_c(t)
    L_{contrast}` (AAAI 2023, arXiv 2210.14670; prototypes over the whole
    training and virtual negatives: arXiv 2402.18117).

    The (last dense) decode head of the network is wrapped by the head that
    embeds. Predictions carry ``pred_variance``, the variance σ² of each pixel
    in one number for its D dimensions, and ``pred_posterior``, the
    probability that the prototypes give to the predicted class. Where windows
    or augmentations are averaged, so are their maps, each of which is for the
    class that it predicts itself.

    Args:
        num_classes (int): Number of classes C; given by the segmentor.
        head (dict): Config of the head around the decode head.
        bank (dict): Config of the bank of prototypes.
        similarity (dict): Config of the score of two Gaussians.
        loss (dict): Config of L_contrast.
        ramp (dict): Config of λ_c(t) over the progress t of the training.
            Defaults to a constant 1.
        views (Sequence[str], optional): Names of the views whose pixels are
            contrasted. Defaults to None, all.
        confidence_threshold (float): δ_w: pixels whose label is less sure are
            not contrasted. Labelled ones are sure. Defaults to 0.7.
        variance_summary (str): What ``pred_variance`` is. 'mean' or
            'log_mean': the arithmetic or geometric mean of σ² over D.
            'prototype': the :func:`effective_variance`, which also grows with
            the distance from the prototypes of the bank. It changes
            predictions only, so it may be set at test time.
            Defaults to 'prototype', which finds most errors.

    Raises:
        ValueError: For an unknown ``variance_summary``, or a threshold that
            is no confidence.
    """

    map_names = ('pred_variance', 'pred_posterior')

    def __init__(self,
                 num_classes: int,
                 head: dict = dict(type='ProbabilisticDecodeHead'),
                 bank: dict = dict(type='PrototypeBank'),
                 similarity: dict = dict(type='MutualLikelihood'),
                 loss: dict = dict(type='MLSContrastLoss'),
                 ramp: dict = dict(type='Constant'),
                 views: Optional[Sequence[str]] = None,
                 confidence_threshold: float = 0.7,
                 variance_summary: str = 'prototype') -> None:
        super().__init__(num_classes)
        self.head_config = head
        self.bank_config = bank
        self.similarity = MODELS.build(similarity)
        self.loss = MODELS.build(loss)
        self.ramp = TASK_UTILS.build(ramp)
        self.views = views
        self.confidence_threshold = check_number(
            'contrast.confidence_threshold', confidence_threshold, 0, 1)
        self.variance_summary = check_choice('contrast.variance_summary',
                                             variance_summary,
                                             VARIANCE_SUMMARIES)

    def adapt(self, segmentor: dict) -> dict:
        """The network's config with a head that embeds."""
        return make_probabilistic(segmentor, self.head_config)

    def attach(self, network: nn.Module) -> None:
        """Make a bank for what the network embeds."""
        head = embedding_head(network)
        self.align_corners, self.threshold = head.align_corners, head.threshold
        self.bank = MODELS.build(
            self.bank_config,
            default_args=dict(
                num_classes=self.num_classes,
                embed_dims=head.embed_dims))

    def forward(self, output: NetworkOutput, views: Dict[str, View],
                losses: Dict[str, Tensor]) -> Dict[str, Tensor]:
        """λ_c(t) L_contrast at the resolution of the embeddings, in fp32.

        Returns:
            dict[str, Tensor]: 'loss_contrast', the monitors of
            :class:`MLSContrastLoss`, 'contrast_ratio' (share of the
            embeddings that take part) and 'mean_variance' (σ² of all
            embeddings and dimensions).

        Raises:
            ValueError: If the batch has none of ``views``.
        """
        images = [slice(None)]
        if self.views is not None:
            slices = image_slices(views)
            views = {name: views[name] for name in views if name in self.views}
            images = [slices[name] for name in views]
            if not views:
                raise ValueError(f'contrast.views={self.views} are none of '
                                 f'the views {list(slices)} of this batch')
        embedding = output.embed(images)
        with torch.autocast(embedding.mean.device.type, enabled=False):
            label, valid = self._labels(views, embedding.mean.shape[2:])
            target_prob = _target_probability(output, label, images).flatten()
            label, valid = label.flatten(), valid.flatten()
            pixels = DiagonalGaussian(
                _pixels_first(embedding.mean), _pixels_first(embedding.var))
            evidence = ClassEvidence.from_pixels(
                pixels, label, valid, self.num_classes).all_reduce()
            result = self.loss(pixels, label, valid, target_prob, evidence,
                               self.bank, self.similarity)
        self.bank.collect(evidence)
        result['loss_contrast'] *= self.ramp(training_progress())
        result['contrast_ratio'] = valid.float().mean()
        var = pixels.var.detach().mean(dim=1)
        result['mean_variance'] = var.mean()
        label = label.where(valid, self.num_classes)
        self.class_sums.add(
            anchors=result.pop('anchors'),
            pixels=sum_by_class(label, self.num_classes),
            variance=sum_by_class(label, self.num_classes, var))
        return result

    def maps(self, seg_logits: Tensor,
             embedding: Optional[DiagonalGaussian]) -> Tensor:
        """σ² and the posterior of the predicted class, (N, 2, H, W)."""
        size = seg_logits.shape[2:]
        if seg_logits.shape[1] > 1:
            label = seg_logits.argmax(dim=1, keepdim=True)
        else:
            label = (seg_logits.sigmoid() > self.threshold).long()
        scores = self._score(embedding)
        posterior = self._posterior(scores, size).gather(1, label).exp()
        var = self._upsample(self._summarize(embedding, scores), size)
        return torch.cat([var, posterior], dim=1)

    def confidence(self, seg_logits: Tensor,
                   embedding: Optional[DiagonalGaussian],
                   label: Tensor) -> Tensor:
        """What the prototypes give to the labels, (N, H, W)."""
        posterior = self.log_posterior(embedding, seg_logits.shape[2:])
        return posterior.gather(1, label[:, None])[:, 0].exp()

    def log_posterior(self, embedding: DiagonalGaussian,
                      size: Tuple[int, int]) -> Tensor:
        """What the bank's prototypes say of each pixel, in fp32.

        Args:
            embedding (DiagonalGaussian): Of the pixels, (N, D, h, w).
            size (tuple[int, int]): Height and width of the result.

        Returns:
            Tensor: Log probabilities of the classes, (N, C, height, width).
        """
        return self._posterior(self._score(embedding), size)

    def _score(self, embedding: DiagonalGaussian) -> Tensor:
        """Scores with the bank's prototypes, (N, C, h, w), fp32."""
        with torch.autocast(embedding.mean.device.type, enabled=False):
            return self.similarity.score_maps(embedding,
                                              self.bank.prototypes())

    def _posterior(self, scores: Tensor, size: Tuple[int, int]) -> Tensor:
        return class_log_posterior(
            self._upsample(scores, size), self.bank.seen,
            self.similarity.temperature)

    def _summarize(self, embedding: DiagonalGaussian,
                   scores: Tensor) -> Tensor:
        """``pred_variance`` at the resolution of the embeddings."""
        if self.variance_summary == 'mean':
            return arithmetic_mean(embedding.var)
        if self.variance_summary == 'log_mean':
            return geometric_mean(embedding.var)
        scores = self.similarity.average(scores, embedding.mean.shape[1])
        return effective_variance(scores, self.bank.seen)

    def _upsample(self, maps: Tensor, size: Tuple[int, int]) -> Tensor:
        return resize(
            maps,
            size=size,
            mode='bilinear',
            align_corners=self.align_corners)

    def _labels(self, views: Dict[str, View],
                size: Tuple[int, int]) -> Tuple[Tensor, Tensor]:
        """Labels of the embeddings and whether they count, both (N, h, w)."""
        label = torch.cat([view.label for view in views.values()])
        valid = torch.cat([
            view.labeled & (view.confidence >= self.confidence_threshold)
            for view in views.values()
        ])
        return (_nearest(label.where(valid, 0), size).long(),
                _nearest(valid, size) > 0)


@torch.no_grad()
def _target_probability(output: NetworkOutput, label: Tensor,
                        images: Sequence[slice]) -> Tensor:
    """The student's probability of each pixel's label, (n, h, w)."""
    seg_logits = output.logits_at(label.shape[1:], images)
    return F.cross_entropy(seg_logits, label, reduction='none').neg().exp()


def _nearest(labels: Tensor, size: Tuple[int, int]) -> Tensor:
    # The corner of each cell, where strided convolutions have their centre:
    # predictions at low resolution fit it better than the cell's middle.
    return F.interpolate(labels[:, None].float(), size=size)[:, 0]


def _pixels_first(maps: Tensor) -> Tensor:
    """(N, D, h, w) to (N·h·w, D)."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)
