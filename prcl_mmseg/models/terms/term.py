# Copyright (c) prcl_mmseg authors. All rights reserved.
from abc import ABCMeta, abstractmethod
from typing import Dict, Optional, Sequence, Tuple

from mmengine.model import BaseModule
from torch import Tensor, nn

from ...gaussian import DiagonalGaussian
from ..structures import ClassSums, NetworkOutput, View


class Term(BaseModule, metaclass=ABCMeta):
    """Something that is learnt, or watched, in a training step of any kind.

    A term reads what the student says of all views and adds losses, or
    numbers to log, of its own. To add one, register a class with
    :meth:`forward` and name it in the config: ``terms=dict(mine=dict(
    type=...))``. The other methods are for terms that need more.

    Args:
        num_classes (int): Number of classes C; given by the segmentor.

    Attributes:
        class_sums (ClassSums): Sums over classes, for the log's table.
        reads_losses (bool): Whether the term wants the losses of all others,
            hence comes after them.
        map_names (tuple[str]): Maps that the term adds to predictions.
        carries (bool): Whether the views shall carry ``weak_maps``.
    """

    reads_losses = False
    carries = False
    map_names: Tuple[str, ...] = ()

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.class_sums = ClassSums()

    @abstractmethod
    def forward(self, output: NetworkOutput, views: Dict[str, View],
                losses: Dict[str, Tensor]) -> Dict[str, Tensor]:
        """Losses of this step.

        Args:
            output (NetworkOutput): Of the images of all views in a row.
            views (dict[str, View]): 'labeled' and those of the strategy, in
                the order of their images.
            losses (dict[str, Tensor]): Those of heads, strategy and earlier
                terms.

        Returns:
            dict[str, Tensor]: What has 'loss' in its name is learnt, all else
            is logged.
        """

    def adapt(self, segmentor: dict) -> dict:
        """The config of the network with what the term needs of it."""
        return segmentor

    def attach(self, network: nn.Module) -> None:
        """Get to know the network, once it is built."""

    def maps(self, seg_logits: Tensor,
             embedding: Optional[DiagonalGaussian]) -> Tensor:
        """The maps that ``map_names`` names, one channel each.

        Args:
            seg_logits (Tensor): Logits of an image or window, (N, C, H, W).
            embedding (DiagonalGaussian, optional): Of its pixels,
                (N, D, h, w).

        Returns:
            Tensor: (N, K, H, W).
        """
        raise NotImplementedError(
            f'{type(self).__name__} names maps, but gives none')

    def weak_maps(self, seg_logits: Tensor,
                  embedding: Optional[DiagonalGaussian]) -> Dict[str, Tensor]:
        """Maps of the labelling network that the views shall carry along.

        They get the same augmentation as the image, and are found in
        ``view.maps`` of the strategy's views.

        Args:
            seg_logits (Tensor): Logits of the weak images, (N, C, H, W).
            embedding (DiagonalGaussian, optional): Of their pixels,
                (N, D, h, w).

        Returns:
            dict[str, Tensor]: Maps (N, H, W) or (N, K, H, W).
        """
        raise NotImplementedError(
            f'{type(self).__name__} carries maps, but gives none')

    def confidence(self, seg_logits: Tensor,
                   embedding: Optional[DiagonalGaussian],
                   label: Tensor) -> Tensor:
        """How sure labels are, for ``strategy.labeler.confidence``.

        Args:
            seg_logits (Tensor): Logits of the weak images, (N, C, H, W).
            embedding (DiagonalGaussian, optional): Of their pixels,
                (N, D, h, w).
            label (Tensor): Their pseudo-labels, int64 (N, H, W).

        Returns:
            Tensor: Probabilities, (N, H, W).
        """
        raise NotImplementedError(
            f'{type(self).__name__} does not tell how sure labels are')


def check_views(terms: Dict[str, Term], known: Sequence[str]) -> None:
    """Raise ValueError if a term's ``views`` names one that never comes.

    Args:
        terms (dict[str, Term]): The terms by name.
        known (Sequence[str]): Names of the views of a step.
    """
    for name, term in terms.items():
        views = getattr(term, 'views', None)
        if views is not None and not (views and set(views) <= set(known)):
            raise ValueError(
                f'model.terms.{name}.views={views} are not among the views '
                f'{known}; use some of these')
