# Copyright (c) prcl_mmseg authors. All rights reserved.
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Tuple, Union

import torch
from mmseg.models.segmentors import BaseSegmentor, EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor, nn

from ...compat import find_missing_ops
from ..data_preprocessor import SemiSegDataPreprocessor
from ..teacher import copy_weights
from .config import adapt_segmentor
from .joint_forward import decode_heads

SemiInputs = Union[Tensor, dict]


@MODELS.register_module()
class SemiBaseSegmentor(BaseSegmentor):
    """A student segmentor beside its teacher.

    By itself it trains the student on the labelled part of a batch with the
    segmentor's own losses: the supervised baseline. Semi-supervised methods
    extend :meth:`loss`. Predictions are ordinary mmseg predictions of
    whichever of the two is chosen.

    Weights of a plain mmseg segmentor (``load_from``) go to both.

    Args:
        segmentor (dict): Config of a plain mmseg segmentor.
        num_classes (int): Number of classes; set in all its heads.
        crop_size (tuple[int, int], optional): Height and width that training
            images are padded to. None leaves it to the segmentor's
            preprocessor.
        teacher (dict, optional): Config of an averaged model of MMEngine.
            None trains without a teacher. Defaults to ``EMATeacher``.
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
        ValueError: For a segmentor, class count or role that can't be used.
    """

    def __init__(self,
                 segmentor: dict,
                 num_classes: int,
                 crop_size: Optional[Tuple[int, int]] = None,
                 teacher: Optional[dict] = dict(type='EMATeacher'),
                 predict_with: str = 'teacher',
                 data_preprocessor: Optional[dict] = None,
                 pretrained: Optional[str] = None,
                 train_cfg: Optional[dict] = None,
                 test_cfg: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
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
        self.student = self._build_student(segmentor)
        self.teacher = None
        if teacher is not None:
            self.teacher = MODELS.build(
                teacher, default_args=dict(model=self.student))
        self.num_classes = num_classes
        if predict_with not in ('teacher', 'student'):
            raise ValueError(f'model.predict_with={predict_with!r} is not '
                             "known; use 'teacher' or 'student'")
        self.predict_with = predict_with
        self._register_load_state_dict_pre_hook(self._load_plain_segmentor)

    def loss(self, inputs: SemiInputs, data_samples: Any) -> dict:
        """The student's own losses on the labelled images.

        Args:
            inputs (Tensor | dict): Images (N, C, H, W), or those of each part
                of a semi-supervised batch by name.
            data_samples (list | dict): Their data samples, likewise.

        Returns:
            dict[str, Tensor]: Losses by name.
        """
        if isinstance(inputs, dict):
            inputs = inputs['labeled']
            data_samples = data_samples['labeled']
        return self.student.loss(inputs, data_samples)

    def predict(self,
                inputs: Tensor,
                data_samples: OptSampleList = None) -> SampleList:
        """Predict with the teacher or the student, as mmseg does."""
        return self.predictor.predict(inputs, data_samples)

    @property
    def predictor(self) -> EncoderDecoder:
        """EncoderDecoder: The segmentor that predicts."""
        if self.predict_with == 'teacher' and self.teacher is not None:
            return self.teacher.module
        return self.student

    @property
    def roles(self) -> List[str]:
        """list[str]: Who can predict: the student and maybe the teacher."""
        return ['student'] if self.teacher is None else ['teacher', 'student']

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

    def train(self, mode: bool = True) -> 'SemiBaseSegmentor':
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

    def _build_student(self, segmentor: dict) -> EncoderDecoder:
        student = MODELS.build(segmentor)
        missing = find_missing_ops(student)
        if missing is not None:
            raise ValueError(
                f'model.segmentor has a layer {missing}, whose compiled '
                'operator is missing in this build of mmcv; use a model '
                'without it, or install mmcv with compiled operators')
        return student

    def _load_plain_segmentor(self, state_dict: dict, prefix: str,
                              *_) -> None:
        """Give weights of a plain segmentor to student and teacher.

        Published weights come without the teacher's count of steps; like a
        plain segmentor's, they start a training anew.
        """
        if self.teacher is not None:
            state_dict.setdefault(f'{prefix}teacher.steps',
                                  self.teacher.steps)
        student = f'{prefix}student.'
        if any(key.startswith(student) for key in state_dict):
            return
        parts = {name for name, _ in self.student.named_children()}
        for key in list(state_dict):
            plain = key[len(prefix):]
            if key.startswith(prefix) and plain.split('.')[0] in parts:
                weight = state_dict.pop(key)
                state_dict[student + plain] = weight
                if self.teacher is not None:
                    state_dict[f'{prefix}teacher.module.{plain}'] = weight
