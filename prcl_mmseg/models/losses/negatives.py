# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Where the negatives of an anchor come from.

Each class of negatives says which classes can provide them and scores
anchors against them. To add one, register a class with these two methods and
name it in the config: ``contrast=dict(negatives=dict(type=...))``.
"""
from abc import ABCMeta, abstractmethod
from dataclasses import dataclass

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...gaussian import DiagonalGaussian, mutual_likelihood_score
from .pairwise_mls import pairwise_mls
from .pixel_groups import PixelGroups


@dataclass(frozen=True)
class ContrastScene:
    """All that anchors can be compared with; nothing here has a gradient.

    Args:
        pixels (DiagonalGaussian): The embeddings of P pixels, (P, D).
        groups (PixelGroups): The valid pixels of each class.
        prototypes (DiagonalGaussian): Class prototypes, (C, D).
        available (Tensor): Which classes have a prototype, bool (C,).
        temperature (float): τ, which divides every score.
        reduction (str): Reduction of the MLS over D.
        normalize (bool): Whether means are scaled to unit length.
    """

    pixels: DiagonalGaussian
    groups: PixelGroups
    prototypes: DiagonalGaussian
    available: Tensor
    temperature: float
    reduction: str
    normalize: bool

    def score(self, anchors: DiagonalGaussian, keys: DiagonalGaussian,
              index: Tensor) -> Tensor:
        """MLS of anchor groups against indexed keys, see pairwise_mls."""
        if self.normalize:
            anchors, keys = anchors.normalize(), keys.normalize()
        return pairwise_mls(anchors, keys, index, self.reduction)

    def class_probabilities(self, classes: Tensor,
                            candidates: Tensor) -> Tensor:
        """How probable each class is as a negative of the given classes.

        softmax over k of MLS(prototype c, prototype k)/τ, without c itself
        and without classes that are no candidates: confusable classes are
        drawn more often.

        Args:
            classes (Tensor): The n classes of the anchors, (n,).
            candidates (Tensor): Which classes can be drawn, bool (C,).

        Returns:
            Tensor: Of shape (n, C); a row sums to 1.
        """
        own = self.prototypes[classes]
        scores = mutual_likelihood_score(
            own.mean[:, None],
            own.var[:, None],
            self.prototypes.mean,
            self.prototypes.var,
            reduction=self.reduction,
            normalize=self.normalize)
        excluded = ~candidates.expand_as(scores)
        excluded = excluded.scatter(1, classes[:, None], True)
        scores = (scores / self.temperature).masked_fill(
            excluded, float('-inf'))
        return scores.softmax(dim=1)


class Negatives(metaclass=ABCMeta):
    """Base class of the sources of negatives."""

    @abstractmethod
    def candidates(self, scene: ContrastScene) -> Tensor:
        """Which classes can provide negatives, bool of shape (C,)."""

    @abstractmethod
    def score(self, anchors: DiagonalGaussian, classes: Tensor,
              scene: ContrastScene) -> Tensor:
        """Score anchors against their negatives.

        Args:
            anchors (DiagonalGaussian): Q anchors of n classes, (n, Q, D).
            classes (Tensor): The n classes, (n,).
            scene (ContrastScene): What they can be compared with.

        Returns:
            Tensor: Scores of shape (n, Q, K). -inf marks no negative.
        """


@MODELS.register_module()
class PixelNegatives(Negatives):
    """Pixels of other classes: first a class by similarity, then a pixel.

    Args:
        num_negatives (int): Negatives per anchor. Defaults to 512.
        shared (bool): Draw one set for all anchors of a class instead of one
            for each anchor, as published. Each anchor's negatives have the
            same distribution, but fewer pixels have to be fetched.
            Defaults to True.
    """

    def __init__(self, num_negatives: int = 512, shared: bool = True) -> None:
        self.num_negatives = _positive(num_negatives)
        self.shared = shared

    def candidates(self, scene: ContrastScene) -> Tensor:
        return scene.available & (scene.groups.count > 0)

    def score(self, anchors: DiagonalGaussian, classes: Tensor,
              scene: ContrastScene) -> Tensor:
        num_classes, num_queries, dims = anchors.mean.shape
        prob = scene.class_probabilities(classes, self.candidates(scene))
        if self.shared:
            index = self._draw(prob, self.num_negatives, scene)
            return scene.score(anchors, scene.pixels, index)
        index = self._draw(prob, num_queries * self.num_negatives, scene)
        alone = DiagonalGaussian(
            anchors.mean.reshape(-1, 1, dims),
            anchors.var.reshape(-1, 1, dims))
        scores = scene.score(alone, scene.pixels,
                             index.view(-1, self.num_negatives))
        return scores.view(num_classes, num_queries, self.num_negatives)

    def _draw(self, prob: Tensor, amount: int,
              scene: ContrastScene) -> Tensor:
        return scene.groups.draw(prob.multinomial(amount, replacement=True))


@MODELS.register_module()
class PrototypeNegatives(Negatives):
    """The prototypes of all other classes, each once."""

    def candidates(self, scene: ContrastScene) -> Tensor:
        return scene.available

    def score(self, anchors: DiagonalGaussian, classes: Tensor,
              scene: ContrastScene) -> Tensor:
        num_prototypes = len(scene.available)
        every = torch.arange(num_prototypes, device=classes.device)
        scores = scene.score(anchors, scene.prototypes,
                             every.expand(len(classes), -1))
        excluded = (every == classes[:, None]) | ~scene.available
        return scores.masked_fill(excluded[:, None], float('-inf'))


@MODELS.register_module()
class VirtualNegatives(Negatives):
    """Negatives drawn from the prototypes of other classes.

    A class by similarity, then a mean from N(μ̂, r·σ̂²) of its prototype; the
    negative's own variance is the prototype's σ̂² (arXiv 2402.18117). They
    need no pixels of that class in the batch.

    Args:
        num_negatives (int): Negatives shared by the anchors of a class.
            Defaults to 512.
        spread (float): r, the factor on the *variance*. Defaults to 1.
    """

    def __init__(self, num_negatives: int = 512, spread: float = 1.0) -> None:
        self.num_negatives = _positive(num_negatives)
        self.spread = spread

    def candidates(self, scene: ContrastScene) -> Tensor:
        return scene.available

    def score(self, anchors: DiagonalGaussian, classes: Tensor,
              scene: ContrastScene) -> Tensor:
        prob = scene.class_probabilities(classes, scene.available)
        drawn = prob.multinomial(self.num_negatives, replacement=True)
        source = scene.prototypes[drawn.flatten()]
        keys = DiagonalGaussian(source.sample(scale=self.spread), source.var)
        index = torch.arange(drawn.numel(), device=drawn.device)
        return scene.score(anchors, keys, index.view_as(drawn))


def _positive(num_negatives: int) -> int:
    if num_negatives < 1:
        raise ValueError(f'contrast.negatives.num_negatives={num_negatives} '
                         'must be positive')
    return num_negatives
