# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Any, Dict, Iterable, List, Optional, Tuple, Union

import torch
from mmengine.model import ModuleDict
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor

from ...gaussian import DiagonalGaussian
from ...value_check import listed
from ..adaptation import adapt_segmentor
from ..data_preprocessors import real_pixels
from ..decode_heads import ignored_label
from ..strategies import Strategy
from ..structures import IGNORE_INDEX, NetworkOutput, View
from ..terms import Term, check_views
from .modes import evaluating
from .network_pass import own_losses, predict_logits, run_network
from .prediction import predict_with_maps
from .segmentor_with_roles import SegmentorWithRoles

SemiInputs = Union[Tensor, dict]


@MODELS.register_module()
class SemiSegmentor(SegmentorWithRoles):
    """A plain mmseg segmentor that learns from unlabelled images, too.

    :meth:`loss` is the training step of every method. What differs is in the
    config: the strategy says how unlabelled images teach, and terms add
    losses of their own, such as the probabilistic contrast. Without a
    strategy the labelled images teach alone: the supervised baseline.

    Predictions are ordinary mmseg predictions of whichever network is chosen,
    with the maps that terms add. Weights of a plain segmentor (``load_from``)
    go to all networks.

    Args:
        segmentor (dict): Config of a plain mmseg segmentor.
        num_classes (int): Number of classes; set in all its heads.
        crop_size (tuple[int, int], optional): Height and width that training
            images are padded to. None leaves it to the segmentor's
            preprocessor.
        teacher (dict, optional): Config of an averaged model of MMEngine that
            follows the student. Defaults to None, no teacher.
        strategy (dict, optional): How unlabelled images teach, such as
            ``WeakToStrong``. Defaults to None: they don't.
        terms (dict[str, dict]): Configs of the terms by name; None instead of
            a config switches one off. Defaults to none.
        predict_with (str): 'teacher' or 'student'; without a teacher the
            student predicts. Defaults to 'teacher'.
        data_preprocessor (dict, optional): Used if ``segmentor`` has none.
        pretrained (str, optional): Passed on to the segmentor, as are
            ``train_cfg`` and ``test_cfg``: mmseg's ``init_model`` and
            ``build_segmentor`` set them on any model.
        train_cfg (dict, optional): See ``pretrained``.
        test_cfg (dict, optional): See ``pretrained``.
        init_cfg (dict, optional): Initialisation config.

    Raises:
        ValueError: For a segmentor, class count, role, strategy or term that
            can't be used.
    """

    def __init__(self,
                 segmentor: dict,
                 num_classes: int,
                 crop_size: Optional[Tuple[int, int]] = None,
                 teacher: Optional[dict] = None,
                 strategy: Optional[dict] = None,
                 terms: Dict[str, Optional[dict]] = dict(),
                 predict_with: str = 'teacher',
                 data_preprocessor: Optional[dict] = None,
                 pretrained: Optional[str] = None,
                 train_cfg: Optional[dict] = None,
                 test_cfg: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        passed_on = dict(
            pretrained=pretrained, train_cfg=train_cfg, test_cfg=test_cfg)
        segmentor = dict(segmentor)
        segmentor.update((name, value) for name, value in passed_on.items()
                         if value is not None)
        segmentor = adapt_segmentor(segmentor, num_classes, crop_size,
                                    data_preprocessor)
        built = _build_terms(terms, num_classes)
        for term in built.values():
            segmentor = term.adapt(segmentor)
        super().__init__(segmentor, teacher, predict_with, init_cfg)
        self.num_classes = num_classes
        self.terms = ModuleDict(built)
        for term in self.terms.values():
            term.attach(self.student)
        self.strategy = Strategy()
        if strategy is not None:
            self.strategy = MODELS.build(strategy)
        else:
            _check_labeled_alone(self.terms)
        self.strategy.check(self)

    def loss(self, inputs: SemiInputs, data_samples: Any) -> dict:
        """The training step of every method, up to the losses.

        Args:
            inputs (Tensor | dict): Images (N, C, H, W), or those of each part
                of a semi-supervised batch by name, 'labeled', 'unlabeled'.
            data_samples (list | dict): Their data samples, likewise.

        Returns:
            dict[str, Tensor]: Losses, and numbers to log, by name.
        """
        images, samples = _by_part(inputs), _by_part(data_samples)
        labeled = samples['labeled']
        # The labelled images are a view, of which everything is known.
        views = dict(labeled=self.labeled_view(images['labeled'], labeled))
        # The strategy labels the others and makes the views to learn from.
        if 'unlabeled' in images:
            views.update(
                self.strategy.make_views(self, images['unlabeled'],
                                         samples['unlabeled']))
        # The student sees all views at once.
        output = self.student_pass(views)
        # The heads' own losses, the strategy's, and those of the terms.
        losses = self.strategy.weigh_supervised(
            own_losses(self.student, output, labeled))
        losses.update(self.strategy(output, views))
        for name, term in self.terms.items():
            own = term(output, views, losses)
            _check_new(own, losses, f'model.terms.{name}')
            losses.update(own)
        return losses

    def labeled_view(self, images: Tensor, data_samples: SampleList) -> View:
        """Labelled images and their masks, with confidence 1."""
        label = torch.stack(
            [sample.gt_sem_seg.data[0] for sample in data_samples]).long()
        return self._view(images, label, torch.ones_like(images[:, 0]),
                          label != self.ignore_index)

    def unlabeled_view(self, images: Tensor, data_samples: SampleList,
                       label: Tensor, confidence: Tensor) -> View:
        """Images with pseudo-labels; padding gets none.

        Args:
            images (Tensor): (N, C, H, W).
            data_samples (list[SegDataSample]): Their padding is read, nothing
                else.
            label (Tensor): Pseudo-labels, int64 (N, H, W).
            confidence (Tensor): Of the pseudo-labels, (N, H, W).
        """
        return self._view(images, label, confidence,
                          real_pixels(images, data_samples))

    def student_pass(self, views: Dict[str, View]) -> NetworkOutput:
        """Run the student over the images of all views at once.

        Raises:
            ValueError: If they differ in size.
        """
        shapes = {
            name: tuple(view.image.shape[1:])
            for name, view in views.items()
        }
        if len(set(shapes.values())) > 1:
            raise ValueError(
                f'the images of the views are {shapes} (C, H, W), but the '
                'student sees them in one batch; set model.crop_size, and '
                'crop both pipelines to it')
        images = torch.cat([view.image for view in views.values()])
        return run_network(
            self.student, images,
            lambda features: self.strategy.perturb(features, views))

    def weak_pass(
            self, role: str, images: Tensor,
            embed: bool) -> Tuple[Tensor, Optional[DiagonalGaussian]]:
        """A network's logits and embedding of weakly augmented images.

        Args:
            role (str): 'teacher' or 'student', in evaluation mode.
            images (Tensor): (N, C, H, W).
            embed (bool): Whether the embedding is wanted.
        """
        network = self.network(role)
        with evaluating(network):
            result = predict_logits(network, images, embed=embed)
        # Autocast may keep half-precision weights of a pass without gradient,
        # which the student's own pass must not use.
        torch.clear_autocast_cache()
        return result

    def pseudo_label(self, images: Tensor, data_samples: SampleList) -> View:
        """What the strategy's labeller says of weakly augmented images."""
        return self.strategy.labeler(self, images, data_samples)

    def predict(self,
                inputs: Tensor,
                data_samples: OptSampleList = None) -> SampleList:
        """Ordinary mmseg predictions, with the maps of the terms.

        Returns:
            list[SegDataSample]: With ``pred_sem_seg`` and ``seg_logits``, and
            for each of the terms' ``map_names`` a map (1, H, W).
        """
        self.check_loaded()
        mapping = [term for term in self.terms.values() if term.map_names]
        return predict_with_maps(self.predictor, mapping, inputs,
                                 data_samples)

    def check_loaded(self) -> None:
        """As for the network, also for what the terms add to predictions."""
        super().check_loaded()
        self._load_check.require('terms')

    @property
    def ignore_index(self) -> int:
        """int: The label that counts for nothing."""
        return ignored_label(self.student)

    def _learned_parts(self) -> Dict[str, Dict[str, Tensor]]:
        terms = self.terms.state_dict(keep_vars=True)
        return dict(super()._learned_parts(), terms=terms)

    def _view(self, images: Tensor, label: Tensor, confidence: Tensor,
              labeled: Tensor) -> View:
        return View(
            image=images,
            maps=dict(
                label=label.where(labeled, IGNORE_INDEX),
                confidence=confidence.where(labeled, 0.0)),
            mean=self.data_preprocessor.pixel_mean.to(images),
            std=self.data_preprocessor.pixel_std.to(images))


def _by_part(batch: Any) -> dict:
    """A batch by its parts; one without parts is all labelled."""
    return batch if isinstance(batch, dict) else dict(labeled=batch)


def _check_labeled_alone(terms: ModuleDict) -> None:
    """What views carry would never come; predictions would be noise."""
    for name, term in terms.items():
        if term.carries:
            raise ValueError(
                f'model.terms.{name}={type(term).__name__} learns from views '
                'of unlabelled images, but model.strategy is None; give a '
                "strategy such as dict(type='WeakToStrong'), or set "
                f'model.terms.{name}=None')
    check_views(terms, ['labeled'])


def _check_new(names: Iterable[str], known: Iterable[str],
               where: str) -> None:
    """What has a name already would be lost."""
    twice = sorted(set(names) & set(known))
    if twice:
        raise ValueError(f'{where} gives {listed(twice)}, as another part of '
                         'the model does; remove one of the two, or let it '
                         'use other names')


def _build_terms(terms: Dict[str, Optional[dict]],
                 num_classes: int) -> Dict[str, Term]:
    """The terms in their order, but those that read all losses last."""
    built = {
        name: MODELS.build(cfg, default_args=dict(num_classes=num_classes))
        for name, cfg in terms.items() if cfg is not None
    }
    maps: List[str] = []
    for name, term in built.items():
        _check_new(term.map_names, maps, f'model.terms.{name}')
        maps += term.map_names
    return dict(sorted(built.items(), key=lambda item: item[1].reads_losses))
