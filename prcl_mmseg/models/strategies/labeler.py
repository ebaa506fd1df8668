# Copyright (c) prcl_mmseg authors. All rights reserved.
import torch
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor, nn

from ...gaussian import DiagonalGaussian
from ...value_check import check_choice, check_number
from ..structures import View, as_multiclass
from ..terms import Term


@MODELS.register_module()
class Labeler:
    """Pseudo-labels ŷ = argmax and their confidences ĉ, of weak views.

    Args:
        network (str): Who labels: 'teacher', or 'student' as in FixMatch and
            UniMatch V1. In evaluation mode and a pass of its own, where the
            published codes label in the training pass. Defaults to 'teacher'.
        prototype_weight (float): Weight with which the prototypes of a
            contrast join the classifier, see :func:`fuse_logits`; for a
            teacher, since a student confirms its own mistakes by it. Defaults
            to 0: they don't.
        prototypes (str): Name of the term that has them.
            Defaults to 'contrast'.
        confidence (str): Who says how sure the labels are: 'softmax', whose
            maximum ĉ is, or the name of a term that can tell, such as a
            ``ViewVariance``: 1 - σ², or a ``PrototypeContrast``: what its
            prototypes give to ŷ. Defaults to 'softmax'.

    Raises:
        ValueError: If the weight is negative.
    """

    def __init__(self,
                 network: str = 'teacher',
                 prototype_weight: float = 0.0,
                 prototypes: str = 'contrast',
                 confidence: str = 'softmax') -> None:
        self.network = network
        self.prototype_weight = check_number(
            'strategy.labeler.prototype_weight', prototype_weight, 0)
        self.prototypes = prototypes
        self.confidence = confidence

    def check(self, model: nn.Module) -> None:
        """Raise ValueError if the model lacks the network or prototypes."""
        if self.network not in model.roles:
            raise ValueError(
                f'strategy.labeler.network={self.network!r}, but the model '
                f'has {model.roles} only; use one of these, or set '
                "model.teacher=dict(type='EMATeacher')")
        speaking = [name for name, term in model.terms.items()
                    if hasattr(term, 'log_posterior')]
        if self.prototype_weight and self.prototypes not in speaking:
            raise ValueError(
                f'strategy.labeler.prototype_weight={self.prototype_weight}, '
                f'but there is no term {self.prototypes!r} with prototypes; '
                f"set model.terms.{self.prototypes}=dict(type="
                "'PrototypeContrast'), or the weight to 0")
        telling = [
            'softmax', *(name for name, term in model.terms.items()
                         if type(term).confidence is not Term.confidence)
        ]
        check_choice('strategy.labeler.confidence', self.confidence, telling)

    @torch.no_grad()
    def __call__(self, model: nn.Module, images: Tensor,
                 data_samples: SampleList) -> View:
        """Label weakly augmented images.

        Args:
            model (SemiSegmentor): Has the networks and terms.
            images (Tensor): (N, C, H, W).
            data_samples (list[SegDataSample]): Their padding is read, nothing
                else.

        Returns:
            View: With the maps that terms want carried along.
        """
        carrying = [term for term in model.terms.values() if term.carries]
        judge = None
        if self.confidence != 'softmax':
            judge = model.terms[self.confidence]
        embed = bool(self.prototype_weight or carrying or judge)
        seg_logits, embedding = model.weak_pass(self.network, images, embed)
        maps = {}
        for term in carrying:
            maps.update(term.weak_maps(seg_logits, embedding))
        joined = seg_logits
        if self.prototype_weight:
            joined = self._join(model, seg_logits, embedding)
        joined = as_multiclass(joined)
        highest, label = joined.max(dim=1)
        if judge is None:
            # The maximum of the softmax, without the rest of it.
            confidence = (highest - joined.logsumexp(dim=1)).exp()
        else:
            confidence = judge.confidence(seg_logits, embedding, label)
        weak = model.unlabeled_view(images, data_samples, label, confidence)
        return weak.replace(**maps)

    def _join(self, model: nn.Module, seg_logits: Tensor,
              embedding: DiagonalGaussian) -> Tensor:
        """Logits of classifier and prototypes together."""
        term = model.terms[self.prototypes]
        log_posterior = term.log_posterior(embedding, seg_logits.shape[2:])
        return fuse_logits(seg_logits, log_posterior, self.prototype_weight)


def fuse_logits(seg_logits: Tensor, log_posterior: Tensor,
                weight: float) -> Tensor:
    """Logits of the classifier and the prototypes together.

    The probabilities are the product p(classifier) · p(prototypes)^weight,
    scaled to add to 1. The prototypes know no frequencies of classes, so they
    speak for rare ones that the classifier gives up.

    Args:
        seg_logits (Tensor): Logits of the classes, (N, C, H, W), or that of
            class 1 of a one-channel binary head, (N, 1, H, W).
        log_posterior (Tensor): Log probabilities of the classes by the
            prototypes, (N, C, H, W).
        weight (float): Of the prototypes.

    Returns:
        Tensor: fp32, of the shape of ``seg_logits``.
    """
    if seg_logits.shape[1] == 1:
        log_posterior = log_posterior[:, 1:] - log_posterior[:, :1]
    return seg_logits.float() + weight * log_posterior
