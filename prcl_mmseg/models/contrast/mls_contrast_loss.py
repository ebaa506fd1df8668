# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...gaussian import DiagonalGaussian
from ...value_check import check_choice, check_number
from .class_evidence import ClassEvidence
from .negatives import ContrastScene
from .pixel_groups import PixelGroups
from .prototype_bank import PrototypeBank
from .similarity import MutualLikelihood


@MODELS.register_module()
class MLSContrastLoss(nn.Module):
    r"""Pixel-to-prototype contrast under the mutual likelihood score.

    Each anchor, a Gaussian, should score higher with the prototype of its
    class than with its negatives (InfoNCE over MLS/τ, see docs/method.md):

    .. math::
        L = -\frac1{|P|} \sum_{c \in P} \frac1Q \sum_{a=1}^{Q}
        \log \frac{e^{s(z_a, \rho_c)/\tau}}
        {e^{s(z_a, \rho_c)/\tau} + \sum_k e^{s(z_a, z_k)/\tau}}

    over the classes P present. A large σ² flattens all scores of an anchor,
    so doubtful pixels pull and push less. Gradient flows through the anchors
    only. With fewer than two classes the loss is 0, attached to the graph.

    The defaults are a contrast on equal terms: all valid pixels are anchors,
    they meet prototypes only, and these have the variance of a typical pixel.
    ``configs/_base_/methods/prcl_reference.py`` has the arithmetic of the
    published code.

    Args:
        loss_weight (float): Weight λ_c. Defaults to 0.3, which makes its
            gradient about as large as that of the pseudo-labels' loss.
        anchors (dict): Config of the anchor sampling.
        negatives (dict): Config of the source of negatives.
        prototypes (str): 'batch': from the batch's valid pixels of all
            processes. 'bank': these fused with all that came before.
            Defaults to 'bank'.
        prototype_variance (str): 'posterior' or 'mean_precision', see
            :meth:`ClassEvidence.prototypes`. It is for the loss alone:
            prototypes that label and those of the predictions always have
            'mean_precision'. Defaults to 'mean_precision'.

    Raises:
        ValueError: For an unknown value or a negative weight.
    """

    def __init__(self,
                 loss_weight: float = 0.3,
                 anchors: dict = dict(type='HardAnchors'),
                 negatives: dict = dict(type='PrototypeNegatives'),
                 prototypes: str = 'bank',
                 prototype_variance: str = 'mean_precision') -> None:
        super().__init__()
        self.loss_weight = check_number('contrast.loss.loss_weight',
                                        loss_weight, 0)
        self.anchors = MODELS.build(anchors)
        self.negatives = MODELS.build(negatives)
        self.prototypes = check_choice('contrast.loss.prototypes', prototypes,
                                       ('batch', 'bank'))
        self.prototype_variance = check_choice(
            'contrast.loss.prototype_variance', prototype_variance,
            ('posterior', 'mean_precision'))

    def forward(self, pixels: DiagonalGaussian, label: Tensor, valid: Tensor,
                target_prob: Tensor, evidence: ClassEvidence,
                bank: PrototypeBank,
                similarity: MutualLikelihood) -> Dict[str, Tensor]:
        """Contrast the anchors of a batch.

        Args:
            pixels (DiagonalGaussian): Embeddings of P pixels, (P, D).
            label (Tensor): (Pseudo-)labels, int64 (P,), read where valid.
            valid (Tensor): Which pixels count, bool (P,).
            target_prob (Tensor): The student's softmax probability of each
                pixel's label, (P,).
            evidence (ClassEvidence): Of the valid pixels of all processes.
            bank (PrototypeBank): The evidence of earlier steps.
            similarity (MutualLikelihood): How to score, and τ.

        Returns:
            dict[str, Tensor]: 'loss_contrast', and the monitors
            'positive_score' and 'negative_score' (mean MLS of the anchors
            with their prototype and with their negatives),
            'anchor_classes', and 'anchors' of each class, (C,).
        """
        if not len(label):
            # Something to draw from; it does not count.
            pixels = DiagonalGaussian(
                F.pad(pixels.mean, (0, 0, 0, 1)),
                F.pad(pixels.var, (0, 0, 0, 1), value=1.0))
            label, valid, target_prob = (
                F.pad(value, (0, 1)) for value in (label, valid, target_prob))
        scene = self._scene(pixels, label, valid, evidence, bank, similarity)
        hard = self.anchors.candidates(label, valid, target_prob,
                                       len(evidence.count))
        others = self.negatives.candidates(scene).long()
        others = others.sum() - others
        usable = scene.available & (hard.count > 0) & (others > 0)
        index, classes, weight = self.anchors.draw(hard, usable)

        anchors = pixels.select(index)
        positive = similarity.score(anchors, scene.prototypes,
                                    classes[:, None])
        negative, log_weight = self.negatives.score(anchors, classes, scene)
        logits = torch.cat([
            positive / similarity.temperature,
            negative / similarity.temperature + log_weight
        ], dim=2)
        info_nce = logits.logsumexp(dim=2) - logits[..., 0]
        num_present = (scene.groups.count > 0).sum().clamp(min=1)
        loss = (weight * info_nce.mean(dim=1)).sum() / num_present
        return dict(
            loss_contrast=self.loss_weight * loss,
            positive_score=_mean(positive, weight, positive.new_zeros(())),
            negative_score=_mean(negative, weight, log_weight),
            anchor_classes=usable.sum().float(),
            anchors=_anchors_of_classes(index, classes, usable))

    @torch.no_grad()
    def _scene(self, pixels: DiagonalGaussian, label: Tensor, valid: Tensor,
               evidence: ClassEvidence, bank: PrototypeBank,
               similarity: MutualLikelihood) -> ContrastScene:
        min_var = 0.0
        if self.prototypes == 'bank':
            evidence = bank.preview(evidence)
            min_var = bank.min_var
        return ContrastScene(
            pixels=pixels.detach(),
            groups=PixelGroups.from_labels(label, valid, len(evidence.count)),
            prototypes=evidence.prototypes(self.prototype_variance, min_var),
            available=evidence.present,
            similarity=similarity)


def _anchors_of_classes(index: Tensor, classes: Tensor,
                        usable: Tensor) -> Tensor:
    """How many anchors each class has, (C,)."""
    tiles = torch.zeros_like(usable, dtype=torch.float32)
    tiles.index_add_(0, classes, usable[classes].float())
    return tiles * index.shape[1]


@torch.no_grad()
def _mean(score: Tensor, weight: Tensor, log_weight: Tensor) -> Tensor:
    """Mean score; a pair counts as it does in the loss. 0 without pairs."""
    share = weight[:, None, None] * log_weight.exp()
    pairs = share.sum() * (score.numel() / share.numel())
    return (share * score).sum() / pairs.clamp(min=1e-12)
