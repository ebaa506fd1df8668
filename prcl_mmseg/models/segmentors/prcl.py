# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Any, Tuple

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.utils import resize
from mmseg.registry import MODELS, TASK_UTILS
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor

from ...gaussian import DiagonalGaussian
from ..augment import IGNORE_INDEX, PseudoLabeledBatch
from ..decode_heads.feature_tap import Recording
from ..losses.ramps import training_progress
from ..prototype_bank import ClassEvidence
from ..prototype_posterior import (class_log_posterior, fuse_logits,
                                   prototype_scores)
from ..training_health import gradient_norms
from ..variance_summary import (arithmetic_mean, effective_variance,
                                geometric_mean)
from .config import make_probabilistic
from .extra_channels import extra_channels
from .joint_forward import (JointOutput, embedding_head, joint_forward,
                            segmentor_losses)
from .mean_teacher import (MeanTeacher, as_multiclass, has_unlabeled,
                           label_maps)
from .restore import restore_map
from .semi_base import SemiInputs

VARIANCE_SUMMARIES = ('mean', 'log_mean', 'prototype')


@MODELS.register_module()
class PRCL(MeanTeacher):
    r"""Probabilistic representation contrastive learning.

    A mean teacher whose student also embeds every pixel as a Gaussian, and
    contrasts these with class prototypes that are distributions:
    :math:`L = L_{sup} + \lambda_u L_{unsup} + \lambda_c(t) L_{contrast}`
    (AAAI 2023, arXiv 2210.14670; prototypes over the whole training and
    virtual negatives: arXiv 2402.18117).

    The segmentor's (last dense) decode head is wrapped here, so its config
    stays plain. Predictions carry the variance σ² of each pixel, one number
    for its D embedding dimensions, as ``pred_variance``, and the probability
    that the prototypes give to the predicted class, as ``pred_posterior``.

    Args:
        probabilistic_head (dict): Settings of ProbabilisticDecodeHead.
        contrast (dict): Config of L_contrast.
        contrast_ramp (dict): Config of λ_c(t) over the progress t of the
            training. Defaults to the published ``GaussianRampDown``.
        confidence_threshold (float): δ_w: unlabelled pixels of which the
            teacher is less sure are not contrasted. Defaults to 0.7.
        prototype_bank (dict): Settings of PrototypeBank.
        prototype_weight (float): Weight with which the prototypes of the bank
            join the classifier in pseudo-labels, see :func:`fuse_logits`.
            Predictions are those of the classifier. Defaults to 0, no
            prototypes, as published.
        variance_summary (str): What ``pred_variance`` is. 'mean' or
            'log_mean': the arithmetic or geometric mean of σ² over D.
            'prototype': the :func:`effective_variance`, which also grows with
            the distance from the prototypes of the bank. It changes
            predictions only, so it may be set at test time.
            Defaults to 'prototype', which finds most errors.
        **kwargs: See MeanTeacher and SemiBaseSegmentor.
    """

    def __init__(self,
                 segmentor: dict,
                 *args,
                 probabilistic_head: dict = dict(),
                 contrast: dict = dict(type='MLSContrastLoss'),
                 contrast_ramp: dict = dict(type='GaussianRampDown'),
                 confidence_threshold: float = 0.7,
                 prototype_bank: dict = dict(),
                 prototype_weight: float = 0.0,
                 variance_summary: str = 'prototype',
                 **kwargs) -> None:
        if variance_summary not in VARIANCE_SUMMARIES:
            raise ValueError(
                f'model.variance_summary={variance_summary!r} is not known; '
                f'use one of {VARIANCE_SUMMARIES}')
        if prototype_weight < 0:
            raise ValueError(f'model.prototype_weight={prototype_weight} must '
                             'not be negative')
        segmentor = make_probabilistic(segmentor, probabilistic_head)
        super().__init__(segmentor, *args, **kwargs)
        self.prototype_weight = prototype_weight
        self.variance_summary = variance_summary
        self.contrast = MODELS.build(contrast)
        self.contrast_ramp = TASK_UTILS.build(contrast_ramp)
        self.confidence_threshold = confidence_threshold
        self.prototype_bank = MODELS.build(
            dict(type='PrototypeBank', **prototype_bank),
            default_args=dict(
                num_classes=self.num_classes,
                embed_dims=embedding_head(self.student).embed_dims))

    def loss(self, inputs: SemiInputs, data_samples: Any) -> dict:
        """The training step, up to the losses."""
        if not has_unlabeled(inputs):
            return self._supervised_losses(inputs, data_samples)
        labeled = data_samples['labeled']
        # The teacher labels the weak view; image, label and confidence get
        # the strong augmentation together.
        strong = self.strong_view(inputs['unlabeled'],
                                  data_samples['unlabeled'])
        # The student sees labelled and strong images.
        output = self.student_pass(inputs['labeled'], strong)
        # L = L_sup + λ_u L_unsup + λ_c(t) L_contrast
        losses = segmentor_losses(self.student, output, labeled)
        losses.update(self.pseudo_label_losses(output, strong))
        losses.update(self.contrast_losses(output, labeled, strong))
        self.health.add_masks(
            labels=label_maps(labeled), pseudo_labels=strong.label)
        if self.health.gradients_wanted:
            losses.update(
                gradient_norms(losses, ('loss_pseudo', 'loss_contrast'),
                               output.features))
        return losses

    def contrast_losses(self, output: JointOutput, labeled: SampleList,
                        strong: PseudoLabeledBatch) -> dict:
        """λ_c(t) L_contrast at the resolution of the embeddings, in fp32.

        Args:
            output (JointOutput): Of the labelled, then the strong images.
            labeled (list[SegDataSample]): Samples of the labelled images.
            strong (PseudoLabeledBatch): The strong view.
        """
        embedding = output.embedding
        with torch.autocast(embedding.mean.device.type, enabled=False):
            label, valid = self._contrast_labels(output, labeled, strong)
            own_prob = self._own_probability(output, label)
            pixels = DiagonalGaussian(
                _pixels_first(embedding.mean), _pixels_first(embedding.var))
            label, valid = label.flatten(), valid.flatten()
            evidence = ClassEvidence.from_pixels(
                pixels, label, valid, self.num_classes).all_reduce()
            losses = self.contrast(pixels, label, valid, own_prob.flatten(),
                                   evidence, self.prototype_bank)
        self.prototype_bank.collect(evidence)
        losses['loss_contrast'] *= self.contrast_ramp(training_progress())
        losses['contrast_ratio'] = valid.float().mean()
        losses['mean_variance'] = pixels.var.detach().mean()
        label = label.where(valid, self.num_classes)
        self.health.add(
            anchors=losses.pop('anchors'),
            pixels=self.health.class_sums(label),
            variance=self.health.class_sums(label, pixels.var.mean(dim=1)))
        return losses

    def predict(self,
                inputs: Tensor,
                data_samples: OptSampleList = None) -> SampleList:
        """Ordinary mmseg predictions, and how doubtful they are.

        Returns:
            list[SegDataSample]: With ``pred_sem_seg``, ``seg_logits`` and two
            maps (1, H, W): ``pred_variance``, of variances, not of standard
            deviations, and ``pred_posterior``, the probability of the
            predicted class given the pixel's embedding, see
            :func:`class_log_posterior`.
        """
        segmentor = self.predictor
        size = tuple(inputs.shape[2:])
        metas = [dict(ori_shape=size, img_shape=size, pad_shape=size)
                 ] * len(inputs)
        if data_samples is not None:
            metas = [sample.metainfo for sample in data_samples]
        with extra_channels(segmentor, 2, self._doubt_maps):
            maps = segmentor.inference(inputs, metas)
        results = segmentor.postprocess_result(maps[:, :-2], data_samples)
        for sample, extra in zip(results, maps[:, -2:]):
            var, posterior = restore_map(extra, sample.metainfo,
                                         self.align_corners).split(1)
            sample.set_data(
                dict(
                    pred_variance=PixelData(data=var),
                    pred_posterior=PixelData(data=posterior)))
        return results

    def teacher_logits(self, images: Tensor) -> Tensor:
        """Those of classifier and prototypes, fused by their weight."""
        if self.prototype_weight == 0:
            return super().teacher_logits(images)
        head = embedding_head(self.teacher.module)
        with head.record() as recording:
            seg_logits = super().teacher_logits(images)
        embedding = head.embed(recording, tuple(images.shape[2:]))
        log_posterior = self._log_posterior(embedding, seg_logits)
        return fuse_logits(seg_logits, log_posterior, self.prototype_weight)

    def _doubt_maps(self, recording: Recording, seg_logits: Tensor) -> Tensor:
        """σ² and the posterior of the predicted class, (N, 2, H, W)."""
        head = embedding_head(self.predictor)
        embedding = head.embed(recording, tuple(seg_logits.shape[2:]))
        log_posterior = self._log_posterior(embedding, seg_logits)
        if seg_logits.shape[1] > 1:
            label = seg_logits.argmax(dim=1, keepdim=True)
        else:
            label = (seg_logits.sigmoid() > head.threshold).long()
        posterior = log_posterior.gather(1, label).exp()
        var = self._upsample(self._summarize(embedding), seg_logits)
        return torch.cat([var, posterior], dim=1)

    def _log_posterior(self, embedding: DiagonalGaussian,
                       like: Tensor) -> Tensor:
        """What the bank's prototypes say, (N, C, H, W), in fp32."""
        bank = self.prototype_bank
        with torch.autocast(embedding.mean.device.type, enabled=False):
            scores = prototype_scores(embedding, bank.prototypes(),
                                      self.contrast.normalize,
                                      self.contrast.reduction)
            return class_log_posterior(
                self._upsample(scores, like), bank.seen,
                self.contrast.temperature)

    def _upsample(self, maps: Tensor, like: Tensor) -> Tensor:
        return resize(
            maps,
            size=like.shape[2:],
            mode='bilinear',
            align_corners=self.align_corners)

    def _summarize(self, embedding: DiagonalGaussian) -> Tensor:
        """``pred_variance`` at the resolution of the embeddings."""
        if self.variance_summary == 'mean':
            return arithmetic_mean(embedding.var)
        if self.variance_summary == 'log_mean':
            return geometric_mean(embedding.var)
        with torch.autocast(embedding.mean.device.type, enabled=False):
            return effective_variance(embedding,
                                      self.prototype_bank.prototypes(),
                                      self.prototype_bank.seen,
                                      self.contrast.normalize)

    def _supervised_losses(self, inputs: SemiInputs,
                           data_samples: Any) -> dict:
        """L_sup alone; the branches stay attached, as DDP wants."""
        if isinstance(inputs, dict):
            inputs = inputs['labeled']
            data_samples = data_samples['labeled']
        output = joint_forward(self.student, inputs)
        losses = segmentor_losses(self.student, output, data_samples)
        losses['loss_contrast'] = 0 * (
            output.embedding.mean.sum() + output.embedding.var.sum())
        return losses

    def _contrast_labels(
            self, output: JointOutput, labeled: SampleList,
            strong: PseudoLabeledBatch) -> Tuple[Tensor, Tensor]:
        """Labels and validity of each embedding, both (N, h, w)."""
        truth = label_maps(labeled)
        label = torch.cat([truth, strong.label])
        valid = torch.cat([
            truth != self.ignore_index,
            (strong.label != IGNORE_INDEX) &
            (strong.confidence >= self.confidence_threshold)
        ])
        size = output.embedding.mean.shape[2:]
        return (_nearest(label.where(valid, 0), size).long(),
                _nearest(valid, size) > 0)

    @torch.no_grad()
    def _own_probability(self, output: JointOutput, label: Tensor) -> Tensor:
        """The student's probability of each pixel's label, (N, h, w)."""
        seg_logits = resize(
            as_multiclass(output.seg_logits),
            size=label.shape[1:],
            mode='bilinear',
            align_corners=self.align_corners)
        return F.cross_entropy(seg_logits, label, reduction='none').neg().exp()


def _nearest(labels: Tensor, size: Tuple[int, int]) -> Tensor:
    return F.interpolate(labels[:, None].float(), size=size)[:, 0]


def _pixels_first(maps: Tensor) -> Tensor:
    """(N, D, h, w) to (N·h·w, D)."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)
