# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import List

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import SegTTAModel
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList

from ...evaluation.augmentation_mean import AugmentationMean
from ..decode_heads import prediction_threshold


@MODELS.register_module()
class SemiSegTTAModel(SegTTAModel):
    """Test-time augmentation that merges all maps of a prediction.

    mmseg's merges the predicted classes alone, so that logits and σ² are
    those of the last augmentation. Here class probabilities and the maps of
    the terms (``pred_variance``, ``pred_posterior``) are each the mean over
    the augmentations; flips and sizes are undone before. How much the
    augmentations contradict each other is a map of its own,
    ``pred_disagreement``: the mutual information of class and augmentation,
    in nats.
    """

    def merge_preds(self, data_samples_list: List[SampleList]) -> SampleList:
        """Merge the predictions of each image.

        Args:
            data_samples_list (list[list[SegDataSample]]): Of each image, the
                predictions of all its augmentations.

        Returns:
            list[SegDataSample]: With ``pred_sem_seg``, ``seg_logits`` whose
            softmax is the merged probability (of a one-channel head, its
            sigmoid, as in any prediction of mmseg), ``pred_disagreement``
            and the maps of the terms.
        """
        return [self._merge(samples) for samples in data_samples_list]

    def _merge(self, samples: SampleList) -> SegDataSample:
        mean = AugmentationMean()
        for sample in samples:
            mean.add(sample.seg_logits.data)
        prob = mean.prob
        label = mean.label(prediction_threshold(self.module))
        maps = dict(
            # Of a one-channel head mmseg gives the sigmoid.
            seg_logits=prob[1:] if mean.one_channel else prob.clamp(
                min=torch.finfo(prob.dtype).tiny).log(),
            pred_sem_seg=label[None],
            pred_disagreement=mean.disagreement[None])
        for term in getattr(self.module, 'terms', {}).values():
            for name in term.map_names:
                maps[name] = torch.stack(
                    [sample.get(name).data for sample in samples]).mean(dim=0)
        merged = samples[0]
        merged.set_data(
            {name: PixelData(data=data)
             for name, data in maps.items()})
        return merged
