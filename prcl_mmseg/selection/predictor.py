# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import List, NamedTuple, Optional

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..datasets.image_area import keep_image_area
from ..evaluation.augmentation_mean import AugmentationMean
from ..models.decode_heads import prediction_threshold
from .class_posterior import add_class_posterior
from .image_score import ImageScore, score_image
from .pixel_doubt import pixel_doubt


class ImagePrediction(NamedTuple):
    """What a model says of an image, on the CPU.

    Args:
        image (Tensor): As the pipeline packs it, (C, h, w).
        label (Tensor): Predicted classes, int64, (H, W).
        area (Tensor): False where there is padding, bool, (H, W).
        doubt (Tensor, optional): Doubt of each pixel, fp32, (H, W).
        descriptor (np.ndarray, optional): Mean class probabilities, (C,).
    """

    image: Tensor
    label: Tensor
    area: Tensor
    doubt: Optional[Tensor]
    descriptor: Optional[np.ndarray]

    def score(self, num_classes: int) -> ImageScore:
        """The score of the image; padding does not count."""
        return score_image(self.doubt[self.area], self.label[self.area],
                           num_classes)


class Predictor:
    """Predicts an image, and how much each of its pixels is in doubt.

    Args:
        model (nn.Module): An mmseg segmentor in evaluation mode.
        by (str): One of ``CRITERIA``. By 'random' there is no doubt.
        describe (bool): Whether images get a descriptor: the mean over their
            pixels of the class probabilities that the prototypes give, or of
            the softmax where there are none. Defaults to False.
    """

    def __init__(self,
                 model: nn.Module,
                 by: str,
                 describe: bool = False) -> None:
        self.model = model
        self.by = by
        self.describe = describe
        self.posterior_maps = add_class_posterior(model) if describe else ()

    @torch.no_grad()
    def __call__(self, item: dict) -> ImagePrediction:
        """Predict a sample, or all its views one after the other.

        Args:
            item (dict): 'inputs' and 'data_samples' of an image, or lists of
                them, as TestTimeAug gives them.
        """
        mean, area, descriptors, sample = AugmentationMean(), True, [], None
        views = _views(item)
        for view in views:
            sample = self.model.test_step(pseudo_collate([view]))[0]
            prob = mean.add(sample.seg_logits.data)
            inside = _image_area(sample, prob.shape[1:])
            area = area & inside
            if self.describe:
                descriptors.append(
                    self._class_maps(sample, prob)[:, inside].mean(dim=1))
        if len(views) == 1:
            label = sample.pred_sem_seg.data[0].long()
        else:
            label = mean.label(prediction_threshold(self.model))
        doubt = self._doubt(sample, mean)
        first = views[0]
        return ImagePrediction(
            _unflipped(first['inputs'], first['data_samples']), label.cpu(),
            area.cpu(), None if doubt is None else doubt.float().cpu(),
            torch.stack(descriptors).double().mean(dim=0).cpu().numpy()
            if descriptors else None)

    def _class_maps(self, sample: SegDataSample, prob: Tensor) -> Tensor:
        if not self.posterior_maps:
            return prob
        return torch.cat(
            [sample.get(name).data for name in self.posterior_maps])

    def _doubt(self, sample: SegDataSample,
               mean: AugmentationMean) -> Optional[Tensor]:
        if self.by == 'random':
            return None
        if self.by == 'views':
            return mean.disagreement
        return pixel_doubt(
            {
                name: sample.get(name).data
                for name in ('seg_logits', 'pred_variance', 'pred_posterior')
                if name in sample
            }, self.by)


def _views(item: dict) -> List[dict]:
    inputs, samples = item['inputs'], item['data_samples']
    if isinstance(inputs, Tensor):
        inputs, samples = [inputs], [samples]
    return [
        keep_image_area(dict(inputs=image, data_samples=sample))
        for image, sample in zip(inputs, samples)
    ]


def _image_area(sample: SegDataSample, size: torch.Size) -> Tensor:
    """Where a prediction is of the image, not of padding, bool (H, W)."""
    if 'image_area' not in sample:
        return torch.ones(
            size, dtype=torch.bool, device=sample.seg_logits.data.device)
    area = _unflipped(sample.image_area.data, sample)
    return F.interpolate(area[None].float(), size=tuple(size))[0, 0] > 0


def _unflipped(data: Tensor, sample: SegDataSample) -> Tensor:
    """As mmseg undoes the flip of logits."""
    if not sample.metainfo.get('flip'):
        return data
    horizontal = sample.metainfo.get('flip_direction') == 'horizontal'
    return data.flip(-1 if horizontal else -2)
