# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Any

import torch
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor

from ..augment import IGNORE_INDEX, PseudoLabeledBatch
from ..data_preprocessor import real_pixels
from ..training_health import TrainingHealth
from .joint_forward import JointOutput, joint_forward, segmentor_losses
from .semi_base import SemiBaseSegmentor, SemiInputs


@MODELS.register_module()
class MeanTeacher(SemiBaseSegmentor):
    """Consistency with the pseudo-labels of an EMA teacher.

    The teacher labels the weakly augmented unlabelled images; the student
    learns these labels on a strongly augmented view, together with the
    labelled images (steps 1 to 3 of the method, L_sup + λ_u L_unsup).

    Args:
        strong_augment (dict): Config of the strong augmentation.
        pseudo_label_loss (dict): Config of L_unsup.
        **kwargs: See SemiBaseSegmentor.

    Raises:
        ValueError: If there is no teacher.
    """

    def __init__(self,
                 *args,
                 strong_augment: dict = dict(type='StrongAugment'),
                 pseudo_label_loss: dict = dict(type='PseudoLabelLoss'),
                 **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if self.teacher is None:
            raise ValueError(
                f'model.teacher=None, but {type(self).__name__} needs one; '
                "use teacher=dict(type='EMATeacher')")
        self.strong_augment = MODELS.build(strong_augment)
        self.pseudo_label_loss = MODELS.build(pseudo_label_loss)
        self.health = TrainingHealth(self.num_classes)

    def loss(self, inputs: SemiInputs, data_samples: Any) -> dict:
        """L_sup + λ_u L_unsup; L_sup alone without unlabelled images."""
        if not has_unlabeled(inputs):
            return super().loss(inputs, data_samples)
        strong = self.strong_view(inputs['unlabeled'],
                                  data_samples['unlabeled'])
        output = self.student_pass(inputs['labeled'], strong)
        labeled = data_samples['labeled']
        losses = segmentor_losses(self.student, output, labeled)
        losses.update(self.pseudo_label_losses(output, strong))
        self.health.add_masks(
            labels=label_maps(labeled), pseudo_labels=strong.label)
        return losses

    def strong_view(self, images: Tensor,
                    data_samples: SampleList) -> PseudoLabeledBatch:
        """Pseudo-label the weak view and augment it strongly."""
        return self.strong_augment(self.pseudo_label(images, data_samples))

    @torch.no_grad()
    def pseudo_label(self, images: Tensor,
                     data_samples: SampleList) -> PseudoLabeledBatch:
        """The teacher's labels ŷ and confidences ĉ; padding gets neither.

        Args:
            images (Tensor): Weakly augmented images, (N, C, H, W).
            data_samples (list[SegDataSample]): Their padding is read, nothing
                else.
        """
        seg_logits = as_multiclass(self.teacher_logits(images))
        highest, label = seg_logits.max(dim=1)
        # The maximum of the softmax, without the rest of it.
        confidence = (highest - seg_logits.logsumexp(dim=1)).exp()
        real = real_pixels(images, data_samples)
        return PseudoLabeledBatch(
            image=images,
            label=label.where(real, IGNORE_INDEX),
            confidence=confidence.where(real, 0.0),
            mean=self.data_preprocessor.pixel_mean.to(images),
            std=self.data_preprocessor.pixel_std.to(images))

    def teacher_logits(self, images: Tensor) -> Tensor:
        """What pseudo-labels are made from, (N, C, H, W)."""
        size = tuple(images.shape[2:])
        meta = dict(img_shape=size, pad_shape=size, ori_shape=size)
        return self.teacher.module.encode_decode(images, [meta] * len(images))

    def student_pass(self, labeled: Tensor,
                     strong: PseudoLabeledBatch) -> JointOutput:
        """Run the student over [labelled; strong] at once.

        Raises:
            ValueError: If the two parts differ in size.
        """
        if labeled.shape[1:] != strong.image.shape[1:]:
            raise ValueError(
                f'labelled images are {tuple(labeled.shape[1:])} and '
                f'unlabelled {tuple(strong.image.shape[1:])} (C, H, W), but '
                'the student sees them in one batch; set model.crop_size, and '
                'crop both pipelines to it')
        return joint_forward(self.student, torch.cat([labeled, strong.image]))

    def pseudo_label_losses(self, output: JointOutput,
                            strong: PseudoLabeledBatch) -> dict:
        """L_unsup, and the mean image weight to watch beside it.

        Args:
            output (JointOutput): Of a batch that ends with the strong images.
            strong (PseudoLabeledBatch): The strong view.
        """
        seg_logits = resize(
            as_multiclass(output.seg_logits[-len(strong.image):]),
            size=strong.label.shape[1:],
            mode='bilinear',
            align_corners=self.student.align_corners)
        weight = self.pseudo_label_loss.image_weight(strong.label,
                                                     strong.confidence)
        return dict(
            loss_pseudo=self.pseudo_label_loss(seg_logits, strong.label,
                                               strong.confidence),
            pseudo_weight=weight.mean())


def has_unlabeled(inputs: SemiInputs) -> bool:
    """Whether a batch has an unlabelled part."""
    return isinstance(inputs, dict) and 'unlabeled' in inputs


def label_maps(data_samples: SampleList) -> Tensor:
    """The masks of labelled images, int64 (N, H, W)."""
    return torch.stack(
        [sample.gt_sem_seg.data[0] for sample in data_samples]).long()


def as_multiclass(seg_logits: Tensor) -> Tensor:
    """Logits in fp32 whose softmax gives the class probabilities.

    A one-channel binary head gives the logit x of class 1; [0, x] has the
    same probabilities under the softmax as x under the sigmoid.
    """
    seg_logits = seg_logits.float()
    if seg_logits.shape[1] > 1:
        return seg_logits
    return torch.cat([torch.zeros_like(seg_logits), seg_logits], dim=1)
