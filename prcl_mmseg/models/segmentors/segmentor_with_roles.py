# Copyright (c) prcl_mmseg authors. All rights reserved.
from contextlib import contextmanager
from typing import Dict, Iterator, List, Optional

import torch
from mmengine.model import ModuleDict
from mmseg.models.segmentors import BaseSegmentor, EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList
from torch import Tensor, nn

from ...compat import find_missing_ops
from ...finite import not_finite
from ...value_check import listed
from ..adaptation import explain_weights
from ..data_preprocessors import SemiSegDataPreprocessor
from .ema_teacher import copy_weights
from .load_check import LoadCheck, learned
from .named_tensors import named_tensors
from .state_dict_fit import fit_state_dict


class SegmentorWithRoles(BaseSegmentor):
    """Networks of one config by their roles, of which one predicts.

    To the tools of mmseg it looks like the network that predicts. Weights of
    a plain segmentor (``load_from``) go to all networks.

    Args:
        segmentor (dict): Config of the student, with its preprocessor.
        teacher (dict, optional): Config of an averaged model of MMEngine that
            follows the student.
        predict_with (str): 'teacher' or 'student'; without a teacher the
            student predicts.
        init_cfg (dict, optional): Initialisation config.

    Raises:
        ValueError: For an unknown role, or a network that can't run here.
    """

    def __init__(self, segmentor: dict, teacher: Optional[dict],
                 predict_with: str, init_cfg: Optional[dict]) -> None:
        if predict_with not in ('teacher', 'student'):
            raise ValueError(f'model.predict_with={predict_with!r} is not '
                             "known; use 'teacher' or 'student'")
        preprocessor = segmentor.pop('data_preprocessor')
        super().__init__(
            data_preprocessor=SemiSegDataPreprocessor(preprocessor),
            init_cfg=init_cfg)
        self.predict_with = predict_with
        student = _build_network(segmentor)
        # MMEngine's, which hands init_weights() on to the student.
        self.networks = ModuleDict(dict(student=student))
        if teacher is not None:
            self.networks['teacher'] = MODELS.build(
                teacher, default_args=dict(model=student))
        self._load_check = LoadCheck()
        self._register_load_state_dict_pre_hook(self._fit_state_dict)
        self.register_load_state_dict_post_hook(_end_load_check)

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
    def predicting_role(self) -> str:
        """str: The role of the network that predicts."""
        chosen = self.predict_with in self.networks
        return self.predict_with if chosen else 'student'

    @property
    def predictor(self) -> EncoderDecoder:
        """EncoderDecoder: The network that predicts."""
        return self.network(self.predicting_role)

    def check_loaded(self) -> None:
        """Raise an error if the last checkpoint left the predictor random.

        Raises:
            ValueError: Names the checkpoint and the weights that it lacks or
                that are NaN or infinite.
        """
        self._load_check.require(self.predicting_role)

    @contextmanager
    def predicting_with(self, role: str) -> Iterator[None]:
        """Let the teacher or the student predict for a while."""
        before, self.predict_with = self.predict_with, role
        try:
            yield
        finally:
            self.predict_with = before

    def update_teacher(self) -> None:
        """Move the teacher towards the student.

        Raises:
            FloatingPointError: If the student has NaN or infinite weights;
                the teacher then stays as it is.
        """
        if self.teacher is None:
            return
        names = not_finite(dict(named_tensors(self.student)))
        if names:
            raise FloatingPointError(
                'the teacher does not follow a student with NaN or infinite '
                f'weights in {listed(names)}; go on from an earlier '
                'checkpoint with a lower learning rate')
        self.teacher.update_parameters(self.student)

    def init_weights(self) -> None:
        """Initialise the student; the teacher starts as its copy."""
        super().init_weights()
        if self.teacher is not None:
            copy_weights(self.student, self.teacher.module)

    def train(self, mode: bool = True) -> 'SegmentorWithRoles':
        """Set the mode of the student; the teacher always evaluates."""
        super().train(mode)
        if mode:
            self._load_check.forget()
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
        self.check_loaded()
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

    def _learned_parts(self) -> Dict[str, Dict[str, Tensor]]:
        """What a checkpoint has to fill, by part and name."""
        return {role: learned(self.network(role)) for role in self.roles}

    def _fit_state_dict(self, state_dict: dict, prefix: str, metadata: dict,
                        *_) -> None:
        source = metadata.get('file', 'the checkpoint')
        fit_state_dict(self, state_dict, prefix, source)
        self._load_check.begin(self._learned_parts(), source)


def _end_load_check(model: SegmentorWithRoles, _) -> None:
    unfilled = model._load_check.end(model._learned_parts())
    # A teacher with random parts has to follow fast at first.
    if 'teacher' in unfilled:
        model.teacher.steps.zero_()


def _build_network(segmentor: dict) -> EncoderDecoder:
    try:
        network = MODELS.build(segmentor)
    except (RuntimeError, OSError) as error:
        explain_weights(segmentor, error)
        raise
    missing = find_missing_ops(network)
    if missing is not None:
        raise ValueError(
            f'model.segmentor has a layer {missing}, whose compiled '
            'operator is missing in this build of mmcv; use a model '
            'without it, or install mmcv with compiled operators')
    for head in network.modules():
        _check_loss_names(head)
    return network


def _check_loss_names(head: nn.Module) -> None:
    """MMEngine adds up what is called a loss, and only logs the rest."""
    losses = getattr(head, 'loss_decode', None)
    where = f'model.segmentor: loss_decode of {type(head).__name__}'
    if isinstance(losses, nn.ModuleList) and not len(losses):
        raise ValueError(f'{where} is empty, so it would learn nothing; give '
                         "dict(type='CrossEntropyLoss')")
    for loss in losses if isinstance(losses, nn.ModuleList) else [losses]:
        name = getattr(loss, 'loss_name', 'loss_')
        if 'loss' not in name:
            raise ValueError(f'{where} has loss_name={name!r}, which must '
                             "begin with 'loss_' to count as a loss")
