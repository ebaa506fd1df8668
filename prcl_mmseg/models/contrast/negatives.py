# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Where the negatives of an anchor come from.

Each class of negatives says which classes can provide them and scores
anchors against them. To add one, register a class with these two methods and
name it in the config: ``loss=dict(negatives=dict(type=...))``.
"""
from abc import ABCMeta, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...gaussian import DiagonalGaussian
from ...value_check import check_number
from .pixel_groups import PixelGroups
from .similarity import MutualLikelihood


@dataclass(frozen=True)
class ContrastScene:
    """All that anchors can be compared with; nothing here has a gradient.

    Args:
        pixels (DiagonalGaussian): The embeddings of P pixels, (P, D).
        groups (PixelGroups): The valid pixels of each class.
        prototypes (DiagonalGaussian): Class prototypes, (C, D).
        available (Tensor): Which classes have a prototype, bool (C,).
        similarity (MutualLikelihood): How to score anchors.
    """

    pixels: DiagonalGaussian
    groups: PixelGroups
    prototypes: DiagonalGaussian
    available: Tensor
    similarity: MutualLikelihood

    def class_probabilities(self, classes: Tensor,
                            candidates: Tensor) -> Tensor:
        """How probable each class is as a negative of the given classes.

        softmax over k of MLS(prototype c, prototype k)/τ, without c itself
        and without classes that are no candidates: confusable classes are
        drawn more often.

        Args:
            classes (Tensor): The classes of G groups of anchors, (G,).
            candidates (Tensor): Which classes can be drawn, bool (C,).

        Returns:
            Tensor: Of shape (G, C); a row sums to 1, or to 0 if there is no
            other candidate.
        """
        every = torch.arange(len(candidates), device=classes.device)
        scores = self.similarity.score(self.prototypes[None], self.prototypes,
                                       every[None])[0, classes]
        excluded = ~candidates.expand_as(scores)
        excluded = excluded.scatter(1, classes[:, None], True)
        scores = (scores / self.similarity.temperature).masked_fill(
            excluded, float('-inf'))
        return scores.softmax(dim=1).masked_fill(excluded, 0)


class NegativeScores(NamedTuple):
    """How anchors score with their negatives.

    Args:
        score (Tensor): MLS, of shape (G, Q, K).
        log_weight (Tensor): Logarithm of how often each negative counts,
            broadcastable to ``score``; -inf leaves it out.
    """

    score: Tensor
    log_weight: Tensor

    @classmethod
    def once_each(cls, score: Tensor) -> 'NegativeScores':
        """Every negative counts once."""
        return cls(score, score.new_zeros(()))


class Negatives(metaclass=ABCMeta):
    """Base class of the sources of negatives."""

    @abstractmethod
    def candidates(self, scene: ContrastScene) -> Tensor:
        """Which classes can provide negatives, bool of shape (C,)."""

    @abstractmethod
    def score(self, anchors: DiagonalGaussian, classes: Tensor,
              scene: ContrastScene) -> NegativeScores:
        """Score anchors against their negatives.

        What a group gets whose class has no other candidate means nothing,
        but must be finite.

        Args:
            anchors (DiagonalGaussian): G groups of Q anchors, (G, Q, D).
            classes (Tensor): The class of each group, (G,).
            scene (ContrastScene): What they can be compared with.
        """


@MODELS.register_module()
class PixelNegatives(Negatives):
    """Pixels of other classes: first a class by similarity, then a pixel.

    Args:
        num_negatives (int): Negatives per anchor. Defaults to 512.
        shared (bool): Draw one set for a group of anchors of a class instead
            of one for each anchor, as published. Each anchor's negatives
            have the same distribution, but fewer pixels have to be fetched.
            Defaults to True.
    """

    def __init__(self, num_negatives: int = 512, shared: bool = True) -> None:
        self.num_negatives = _positive(num_negatives)
        self.shared = shared

    def candidates(self, scene: ContrastScene) -> Tensor:
        return scene.available & (scene.groups.count > 0)

    def score(self, anchors: DiagonalGaussian, classes: Tensor,
              scene: ContrastScene) -> NegativeScores:
        groups, num_queries, dims = anchors.mean.shape
        prob = scene.class_probabilities(classes, self.candidates(scene))
        if self.shared:
            index = self._draw(prob, self.num_negatives, scene)
            return NegativeScores.once_each(
                scene.similarity.score(anchors, scene.pixels, index))
        index = self._draw(prob, num_queries * self.num_negatives, scene)
        alone = DiagonalGaussian(
            anchors.mean.reshape(-1, 1, dims),
            anchors.var.reshape(-1, 1, dims))
        scores = scene.similarity.score(alone, scene.pixels,
                                        index.view(-1, self.num_negatives))
        return NegativeScores.once_each(
            scores.view(groups, num_queries, self.num_negatives))

    def _draw(self, prob: Tensor, amount: int,
              scene: ContrastScene) -> Tensor:
        """Pixels, (G, amount), of classes drawn with the rows of prob."""
        edges = prob.cumsum(dim=1)
        point = torch.rand(len(prob), amount, device=prob.device)
        drawn = torch.searchsorted(edges, point * edges[:, -1:], right=True)
        return scene.groups.draw(drawn.clamp(max=prob.shape[1] - 1))


@MODELS.register_module()
class PrototypeNegatives(Negatives):
    """The prototypes of all other classes, each once."""

    def candidates(self, scene: ContrastScene) -> Tensor:
        return scene.available

    def score(self, anchors: DiagonalGaussian, classes: Tensor,
              scene: ContrastScene) -> NegativeScores:
        every = torch.arange(len(scene.available), device=classes.device)
        scores = scene.similarity.score(anchors, scene.prototypes,
                                        every.expand(len(classes), -1))
        excluded = (every == classes[:, None]) | ~scene.available
        log_weight = scores.new_zeros(excluded.shape).masked_fill(
            excluded, float('-inf'))
        return NegativeScores(scores, log_weight[:, None])


@MODELS.register_module()
class VirtualNegatives(Negatives):
    r"""Negatives drawn from the prototypes of other classes.

    Each class gives as many, with means from N(μ̂, r·σ̂²) of its prototype and
    with the prototype's own variance σ̂² (arXiv 2402.18117). They need no
    pixels of that class in the batch, and all anchors share them. For anchors
    of class c, those of class k count :math:`K p_{ck}` times in all, as often
    as if K had been drawn by class probability.

    Args:
        num_negatives (int): K, rounded up to a multiple of the classes.
            Defaults to 512.
        spread (float): r, the factor on the *variance*. Defaults to 1.
    """

    def __init__(self, num_negatives: int = 512, spread: float = 1.0) -> None:
        self.num_negatives = _positive(num_negatives)
        self.spread = check_number('contrast.loss.negatives.spread', spread, 0)

    def candidates(self, scene: ContrastScene) -> Tensor:
        return scene.available

    def score(self, anchors: DiagonalGaussian, classes: Tensor,
              scene: ContrastScene) -> NegativeScores:
        per_class = -(-self.num_negatives // len(scene.available))
        means = scene.prototypes.sample(per_class, scale=self.spread)
        scores = scene.similarity.score_clusters(anchors, scene.prototypes,
                                                 means)
        prob = scene.class_probabilities(classes, scene.available)
        weight = len(scene.available) * prob
        return NegativeScores(
            scores,
            weight.log().repeat_interleave(per_class, dim=1)[:, None])


def _positive(num_negatives: int) -> int:
    return check_number(
        'contrast.loss.negatives.num_negatives', num_negatives, 1, whole=True)
