# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, Union

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...gaussian import DiagonalGaussian, check_reduction
from ..prototype_bank import ClassEvidence, PrototypeBank
from .negatives import ContrastScene
from .pixel_groups import PixelGroups

PRESETS: Dict[str, dict] = dict(
    # Anchors meet prototypes only, all with the variance of a typical pixel,
    # so that positive and negatives compete on equal terms, by Bayes' rule.
    default=dict(
        anchors=dict(type='HardAnchors', num_queries=256, threshold=1.0),
        negatives=dict(type='PrototypeNegatives'),
        prototypes='bank',
        prototype_variance='mean_precision',
        reduction='sum',
        normalize=True,
        temperature=1.0),
    # The arithmetic of the published code.
    reference=dict(
        anchors=dict(type='HardAnchors', num_queries=256, threshold=0.8),
        negatives=dict(
            type='PixelNegatives', num_negatives=512, shared=False),
        prototypes='batch',
        prototype_variance='posterior',
        reduction='mean',
        normalize=True,
        temperature=100.0))


@MODELS.register_module()
class MLSContrastLoss(nn.Module):
    r"""Pixel-to-prototype contrast under the mutual likelihood score.

    Each anchor, a Gaussian, should score higher with the prototype of its
    class than with its negatives (InfoNCE over MLS/τ, step 4 of the method):

    .. math::
        L = -\frac1{|P|} \sum_{c \in P} \frac1Q \sum_{a=1}^{Q}
        \log \frac{e^{s(z_a, \rho_c)/\tau}}
        {e^{s(z_a, \rho_c)/\tau} + \sum_k e^{s(z_a, z_k)/\tau}}

    over the classes P present. A large σ² flattens all scores of an anchor,
    so doubtful pixels pull and push less. Gradient flows through the anchors
    only. With fewer than two classes the loss is 0, attached to the graph.

    Args:
        preset (str): Where settings that are not given come from: 'default',
            or 'reference' for the arithmetic of the published code.
        loss_weight (float): Weight λ_c. Defaults to 1.
        **settings: Override single settings of the preset:

            - anchors (dict): Config of the anchor sampling.
            - negatives (dict): Config of the source of negatives; its keys
              are merged into the preset's if the type is the same.
            - prototypes (str): 'batch': from the batch's valid pixels of all
              processes. 'bank': these fused with all that came before.
            - prototype_variance (str): 'posterior' or 'mean_precision', see
              :meth:`ClassEvidence.prototypes`.
            - reduction (str): 'sum' or 'mean' over D, equation (6).
            - normalize (bool): Scale means to unit length in the score.
            - temperature (float): τ.

    Raises:
        ValueError: For an unknown preset, setting or value.
    """

    def __init__(self,
                 preset: str = 'default',
                 loss_weight: float = 1.0,
                 **settings) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        settings = _merge_preset(preset, settings)
        self.anchors = MODELS.build(settings['anchors'])
        self.negatives = MODELS.build(settings['negatives'])
        self.prototypes = settings['prototypes']
        self.prototype_variance = settings['prototype_variance']
        self.reduction = settings['reduction']
        self.normalize = settings['normalize']
        self.temperature = settings['temperature']
        check_reduction(self.reduction)
        if self.prototypes not in ('batch', 'bank'):
            raise ValueError(f'contrast.prototypes={self.prototypes!r} is not '
                             "known; use 'batch' or 'bank'")
        if self.prototype_variance not in ('posterior', 'mean_precision'):
            raise ValueError(
                f'contrast.prototype_variance={self.prototype_variance!r} is '
                "not known; use 'posterior' or 'mean_precision'")
        if not self.temperature > 0:
            raise ValueError(f'contrast.temperature={self.temperature} must '
                             'be positive')

    def forward(self, pixels: DiagonalGaussian, label: Tensor, valid: Tensor,
                own_prob: Tensor, evidence: ClassEvidence,
                bank: PrototypeBank) -> Dict[str, Tensor]:
        """Contrast the hard pixels of a batch.

        Args:
            pixels (DiagonalGaussian): Embeddings of P pixels, (P, D).
            label (Tensor): (Pseudo-)labels, int64 (P,), read where valid.
            valid (Tensor): Which pixels count, bool (P,).
            own_prob (Tensor): The student's softmax probability of each
                pixel's label, (P,).
            evidence (ClassEvidence): Of the valid pixels of all processes.
            bank (PrototypeBank): The evidence of earlier steps.

        Returns:
            dict[str, Tensor]: 'loss_contrast', and the monitors
            'positive_score' and 'negative_score' (mean MLS of the anchors
            with their prototype and with their negatives),
            'anchor_classes', and 'anchors' of each class, (C,).
        """
        scene = self._scene(pixels, label, valid, evidence, bank)
        hard = self.anchors.candidates(label, valid, own_prob,
                                       len(evidence.count))
        others = self.negatives.candidates(scene).long()
        others = others.sum() - others
        usable = scene.available & (hard.count > 0) & (others > 0)
        index, classes, weight = self.anchors.draw(hard, usable)

        anchors = pixels.select(index)
        positive = scene.score(anchors, scene.prototypes, classes[:, None])
        negative, log_weight = self.negatives.score(anchors, classes, scene)
        logits = torch.cat([
            positive / self.temperature,
            negative / self.temperature + log_weight
        ], dim=2)
        info_nce = logits.logsumexp(dim=2) - logits[..., 0]
        num_present = (scene.groups.count > 0).sum().clamp(min=1)
        loss = (weight * info_nce.mean(dim=1)).sum() / num_present
        return dict(
            loss_contrast=self.loss_weight * loss,
            positive_score=_mean(positive, weight),
            negative_score=_mean(negative, weight, log_weight),
            anchor_classes=usable.sum().float(),
            anchors=_anchors_of_classes(index, classes, usable))

    @torch.no_grad()
    def _scene(self, pixels: DiagonalGaussian, label: Tensor, valid: Tensor,
               evidence: ClassEvidence, bank: PrototypeBank) -> ContrastScene:
        min_var = 0.0
        if self.prototypes == 'bank':
            evidence = bank.preview(evidence)
            min_var = bank.min_var
        return ContrastScene(
            pixels=pixels.detach(),
            groups=PixelGroups.from_labels(label, valid, len(evidence.count)),
            prototypes=evidence.prototypes(self.prototype_variance, min_var),
            available=evidence.present,
            temperature=self.temperature,
            reduction=self.reduction,
            normalize=self.normalize)


def _anchors_of_classes(index: Tensor, classes: Tensor,
                        usable: Tensor) -> Tensor:
    """How many anchors each class has, (C,)."""
    tiles = torch.zeros_like(usable, dtype=torch.float32)
    tiles.index_add_(0, classes, usable[classes].float())
    return tiles * index.shape[1]


@torch.no_grad()
def _mean(score: Tensor, weight: Tensor,
          log_weight: Union[Tensor, float] = 0.0) -> Tensor:
    """Mean score; a pair counts as it does in the loss. 0 without pairs."""
    share = weight[:, None, None] * torch.as_tensor(
        log_weight, device=score.device).exp()
    pairs = share.sum() * (score.numel() / share.numel())
    return (share * score).sum() / pairs.clamp(min=1e-12)


def _merge_preset(preset: str, settings: dict) -> dict:
    """The preset's settings, overridden by those given."""
    if preset not in PRESETS:
        raise ValueError(f'contrast.preset={preset!r} is not known; use one '
                         f'of {sorted(PRESETS)}')
    merged = dict(PRESETS[preset])
    unknown = sorted(set(settings) - set(merged))
    if unknown:
        raise ValueError(f'contrast has no setting {unknown}; its settings '
                         f'are {sorted(merged)}')
    for name, value in settings.items():
        default = merged[name]
        same_type = (
            isinstance(value, dict)
            and value.get('type', default['type']) == default['type'])
        merged[name] = {**default, **value} if same_type else value
    return merged
