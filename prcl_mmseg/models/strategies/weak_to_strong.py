# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Any, Dict, Optional

from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor, nn

from ...value_check import check_number
from ..structures import NetworkOutput, View, image_slices, map_tensors
from ..terms import check_views
from .strategy import Strategy


@MODELS.register_module()
class WeakToStrong(Strategy):
    r"""Labels of the weak view are learnt on strong views of it.

    FixMatch, mean teachers, UniMatch V1 and V2 are configs of it, see
    ``configs/_base_/methods``:
    :math:`w L_{sup} + \sum_v w_v L_{unsup}(v)` over the views v.

    Args:
        labeler (dict): Who labels the weak view.
        strong_augment (dict, optional): Config of the strong augmentation.
        views (dict[str, dict]): What the student sees, each a dict of
            ``weight`` w_v (absent: 1) and ``augment``, an augmentation of its
            own (absent: ``strong_augment``; None: none, the weak view). None
            instead of a dict switches a view off. Defaults to one view,
            'strong'.
        feature_perturbation (dict, optional): What is done to the features
            of views between encoder and decoder. Defaults to None.
        loss (dict): Config of L_unsup, with the methods of
            ``PseudoLabelLoss``: call, ``update`` and ``image_weight``.
        supervised_weight (float): Weight w of the heads' own losses.
            Defaults to 1.

    Raises:
        ValueError: If there is no view, one is not described by these keys,
            a weight is negative, or the perturbation names a view that there
            is not.
    """

    def __init__(self,
                 labeler: dict = dict(type='Labeler'),
                 strong_augment: Optional[dict] = dict(type='StrongAugment'),
                 views: Dict[str, Optional[dict]] = dict(strong=dict()),
                 feature_perturbation: Optional[dict] = None,
                 loss: dict = dict(type='PseudoLabelLoss'),
                 supervised_weight: float = 1.0) -> None:
        super().__init__()
        self.labeler = MODELS.build(labeler)
        self.loss = MODELS.build(loss)
        self.supervised_weight = check_number('strategy.supervised_weight',
                                              supervised_weight, 0)
        self.augments, self.weights = nn.ModuleDict(), {}
        for name, view in views.items():
            if view is not None:
                self._add_view(name, {'augment': strong_augment, **view})
        if not self.weights:
            raise ValueError(f'strategy.views={views} has no view to learn '
                             'from; give one, such as dict(strong=dict())')
        self.feature_perturbation = None
        if feature_perturbation is not None:
            self.feature_perturbation = MODELS.build(feature_perturbation)
            missing = set(self.feature_perturbation.views) - set(self.weights)
            if missing:
                raise ValueError(
                    f'strategy.feature_perturbation.views={sorted(missing)} '
                    f'are no views; strategy.views are {list(self.weights)}')

    def check(self, model: nn.Module) -> None:
        """Raise ValueError if who labels or a view of a term is lacking."""
        self.labeler.check(model)
        check_views(model.terms, ['labeled', *self.weights])

    def make_views(self, model: nn.Module, images: Tensor,
                   data_samples: SampleList) -> Dict[str, View]:
        """Label the weak view, and augment it into each view."""
        weak = self.labeler(model, images, data_samples)
        self.loss.update(weak)
        return {name: augment(weak) for name, augment in self.augments.items()}

    def perturb(self, features: Any, views: Dict[str, View]) -> Any:
        """Perturb the features of views, if that is wanted."""
        if self.feature_perturbation is None or len(views) == 1:
            return features
        return self.feature_perturbation(
            features, {name: len(view)
                       for name, view in views.items()})

    def weigh_supervised(self, losses: Dict[str, Tensor]
                         ) -> Dict[str, Tensor]:
        """The heads' losses times their weight; what is logged stays."""
        weight = self.supervised_weight
        # A loss may be a list of tensors, which MMEngine adds up.
        return {
            name: map_tensors(lambda loss: weight * loss, value)
            if 'loss' in name else value
            for name, value in losses.items()
        }

    def forward(self, output: NetworkOutput,
                views: Dict[str, View]) -> Dict[str, Tensor]:
        """L_unsup of all views, and the share of sure pixels to watch."""
        if len(views) == 1:
            return {}
        images = image_slices(views)
        loss, weight = 0., 0.
        for name in self.weights:
            view = views[name]
            seg_logits = output.logits_at(view.label.shape[1:],
                                          [images[name]])
            loss += self.weights[name] * self.loss(seg_logits, view)
            weight += self.loss.image_weight(view).mean()
        return dict(
            loss_pseudo=loss, pseudo_weight=weight / len(self.weights))

    def _add_view(self, name: str, view: dict) -> None:
        unknown = sorted(set(view) - {'augment', 'weight'})
        if unknown or name == 'labeled':
            raise ValueError(
                f'strategy.views.{name}={view} is no view; its settings are '
                "'augment' and 'weight', and 'labeled' is the name of the "
                'labelled images')
        augment = view['augment']
        self.augments[name] = (
            nn.Identity() if augment is None else MODELS.build(augment))
        self.weights[name] = check_number(f'strategy.views.{name}.weight',
                                          view.get('weight', 1.0), 0)
