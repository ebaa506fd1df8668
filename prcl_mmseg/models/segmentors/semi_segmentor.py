# Copyright (c) prcl_mmseg authors. All rights reserved.
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import torch
from mmengine.model import ModuleDict
from mmseg.models.segmentors import BaseSegmentor, EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor, nn

from ...compat import find_missing_ops
from ...gaussian import DiagonalGaussian
from ..data_preprocessors import SemiSegDataPreprocessor, real_pixels
from ..decode_heads import decode_heads
from ..strategies import Strategy
from ..structures import IGNORE_INDEX, NetworkOutput, View
from .adaptation import adapt_segmentor
from .ema_teacher import copy_weights
from .modes import evaluating
from .network_pass import own_losses, predict_logits, run_network
from .prediction import predict_with_maps

SemiInputs = Union[Tensor, dict]


# The second name is that of earlier versions.
@MODELS.register_module(name=['SemiSegmentor', 'SemiBaseSegmentor'])
class SemiSegmentor(BaseSegmentor):
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
        if predict_with not in ('teacher', 'student'):
            raise ValueError(f'model.predict_with={predict_with!r} is not '
                             "known; use 'teacher' or 'student'")
        segmentor = adapt_segmentor(segmentor, num_classes, crop_size,
                                    data_preprocessor)
        passed_on = dict(
            pretrained=pretrained, train_cfg=train_cfg, test_cfg=test_cfg)
        segmentor.update({
            name: value
            for name, value in passed_on.items() if value is not None
        })
        preprocessor = segmentor.pop('data_preprocessor')
        super().__init__(
            data_preprocessor=SemiSegDataPreprocessor(preprocessor),
            init_cfg=init_cfg)
        self.num_classes = num_classes
        self.predict_with = predict_with
        self.terms = _build_terms(terms, num_classes)
        for term in self.terms.values():
            segmentor = term.adapt(segmentor)
        student = _build_network(segmentor)
        # MMEngine's, which hands init_weights() on to the student.
        self.networks = ModuleDict(dict(student=student))
        if teacher is not None:
            self.networks['teacher'] = MODELS.build(
                teacher, default_args=dict(model=student))
        for term in self.terms.values():
            term.attach(student)
        self.strategy = Strategy()
        if strategy is not None:
            self.strategy = MODELS.build(strategy)
        self.strategy.check(self)
        self._register_load_state_dict_pre_hook(self._load_plain_segmentor)

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
        for term in self.terms.values():
            losses.update(term(output, views, losses))
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
            return predict_logits(network, images, embed=embed)

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
        mapping = [term for term in self.terms.values() if term.map_names]
        return predict_with_maps(self.predictor, mapping, inputs,
                                 data_samples)

    def network(self, role: str) -> EncoderDecoder:
        """The network of a role, 'student' or 'teacher'."""
        network = self.networks[role]
        return getattr(network, 'module', network)

    @property
    def student(self) -> EncoderDecoder:
        """EncoderDecoder: The network that is trained."""
        return self.networks['student']

    @property
    def teacher(self) -> Optional[nn.Module]:
        """nn.Module: The averaged model that follows the student, if any."""
        return self.networks['teacher'] if 'teacher' in self.roles else None

    @property
    def roles(self) -> List[str]:
        """list[str]: Who can predict: the student and maybe the teacher."""
        return list(self.networks)

    @property
    def predictor(self) -> EncoderDecoder:
        """EncoderDecoder: The network that predicts."""
        chosen = self.predict_with in self.networks
        return self.network(self.predict_with if chosen else 'student')

    @contextmanager
    def predicting_with(self, role: str) -> Iterator[None]:
        """Let the teacher or the student predict for a while."""
        before, self.predict_with = self.predict_with, role
        try:
            yield
        finally:
            self.predict_with = before

    def update_teacher(self) -> None:
        """Move the teacher towards the student."""
        if self.teacher is not None:
            self.teacher.update_parameters(self.student)

    def init_weights(self) -> None:
        """Initialise the student; the teacher starts as its copy."""
        super().init_weights()
        if self.teacher is not None:
            copy_weights(self.student, self.teacher.module)

    def train(self, mode: bool = True) -> 'SemiSegmentor':
        """Set the mode of the student; the teacher always evaluates."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    def extract_feat(self, inputs: Tensor) -> List[Tensor]:
        """Features of the predicting segmentor."""
        return self.predictor.extract_feat(inputs)

    def encode_decode(self, inputs: Tensor,
                      batch_img_metas: List[dict]) -> Tensor:
        """Logits of the predicting segmentor at the size of the input."""
        return self.predictor.encode_decode(inputs, batch_img_metas)

    def _forward(self,
                 inputs: Tensor,
                 data_samples: OptSampleList = None) -> Tensor:
        # The teacher's weights are frozen. Tools that look at activations by
        # their gradients, such as Grad-CAM, need one nevertheless.
        if torch.is_grad_enabled() and not inputs.requires_grad:
            inputs = inputs.detach().requires_grad_()
        return self.predictor._forward(inputs, data_samples)

    @property
    def backbone(self) -> nn.Module:
        """nn.Module: Backbone of the predicting segmentor."""
        return self.predictor.backbone

    @property
    def decode_head(self) -> nn.Module:
        """nn.Module: Decode head(s) of the predicting segmentor."""
        return self.predictor.decode_head

    @property
    def align_corners(self) -> bool:
        """bool: Flag of the decode head for resizing logits."""
        return self.predictor.align_corners

    @property
    def out_channels(self) -> int:
        """int: Channels of the logits."""
        return self.predictor.out_channels

    @property
    def test_cfg(self) -> dict:
        """dict: How the predicting segmentor infers."""
        return self.predictor.test_cfg

    @property
    def ignore_index(self) -> int:
        """int: The label that counts for nothing."""
        index = decode_heads(self.student)[-1].ignore_index
        return 255 if index is None else index

    def _view(self, images: Tensor, label: Tensor, confidence: Tensor,
              labeled: Tensor) -> View:
        return View(
            image=images,
            maps=dict(
                label=label.where(labeled, IGNORE_INDEX),
                confidence=confidence.where(labeled, 0.0)),
            mean=self.data_preprocessor.pixel_mean.to(images),
            std=self.data_preprocessor.pixel_std.to(images))

    def _load_plain_segmentor(self, state_dict: dict, prefix: str,
                              *_) -> None:
        """Give weights of a plain segmentor to all networks.

        Published weights come without the teacher's count of steps; like a
        plain segmentor's, they start a training anew.
        """
        student = f'{prefix}networks.student.'
        teacher = f'{prefix}networks.teacher.'
        if self.teacher is not None:
            state_dict.setdefault(f'{teacher}steps', self.teacher.steps)
        if any(key.startswith(student) for key in state_dict):
            return
        parts = {name for name, _ in self.student.named_children()}
        for key in list(state_dict):
            plain = key[len(prefix):]
            if key.startswith(prefix) and plain.split('.')[0] in parts:
                weight = state_dict.pop(key)
                state_dict[student + plain] = weight
                if self.teacher is not None:
                    state_dict[f'{teacher}module.{plain}'] = weight


def _by_part(batch: Any) -> dict:
    """A batch by its parts; one without parts is all labelled."""
    return batch if isinstance(batch, dict) else dict(labeled=batch)


def _build_terms(terms: Dict[str, Optional[dict]],
                 num_classes: int) -> nn.ModuleDict:
    """The terms in their order, but those that read all losses last."""
    built = {
        name: MODELS.build(cfg, default_args=dict(num_classes=num_classes))
        for name, cfg in terms.items() if cfg is not None
    }
    return nn.ModuleDict(
        sorted(built.items(), key=lambda item: item[1].reads_losses))


def _build_network(segmentor: dict) -> EncoderDecoder:
    network = MODELS.build(segmentor)
    missing = find_missing_ops(network)
    if missing is not None:
        raise ValueError(
            f'model.segmentor has a layer {missing}, whose compiled '
            'operator is missing in this build of mmcv; use a model '
            'without it, or install mmcv with compiled operators')
    return network
