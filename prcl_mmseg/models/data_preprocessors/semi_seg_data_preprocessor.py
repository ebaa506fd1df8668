# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import List, Optional, Sequence, Tuple, Union

import torch
from mmengine.model import BaseDataPreprocessor, ImgDataPreprocessor
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor, nn

from ..structures.nested import leaves

from ..registered import registered_class


@MODELS.register_module()
class SemiSegDataPreprocessor(BaseDataPreprocessor):
    """Applies a segmentor's own preprocessor to labelled and unlabelled data.

    A batch of ``SemiSegDataset`` becomes ``dict(inputs=dict(labeled=...,
    unlabeled=...), data_samples=dict(...))``. Any other batch, as in
    validation and test, passes through the wrapped preprocessor unchanged.

    Args:
        preprocessor (dict | nn.Module): The wrapped preprocessor or its
            config. A config of mmseg's ``SegDataPreProcessor`` may give any
            number of mean and std values.
    """

    def __init__(self, preprocessor: Union[dict, nn.Module]) -> None:
        super().__init__()
        if isinstance(preprocessor, dict):
            preprocessor = MODELS.build(for_any_channels(preprocessor))
        self.preprocessor = preprocessor

    def forward(self, data: dict, training: bool = False) -> dict:
        """Preprocess a batch.

        Args:
            data (dict): What the data loader gives.
            training (bool): Whether it is for training.

        Returns:
            dict: 'inputs' and 'data_samples'; of a semi-supervised batch each
            a dict with 'labeled' and, if there are any, 'unlabeled'.
        """
        if 'labeled' not in data:
            if not training:
                _check_equal_sizes(data['inputs'])
            return self.preprocessor(data, training)
        flat = {name: _flatten_samples(part) for name, part in data.items()}
        if training:
            for name, part in flat.items():
                _check_sizes(name, part['inputs'],
                             getattr(self.preprocessor, 'size', None))
        parts = {
            name: self.preprocessor(part, training)
            for name, part in flat.items()
        }
        return dict(
            inputs={name: part['inputs']
                    for name, part in parts.items()},
            data_samples={
                name: part['data_samples']
                for name, part in parts.items()
            })

    @property
    def pixel_mean(self) -> Tensor:
        """Tensor: Mean that was subtracted from the images, (C or 1, 1, 1)."""
        mean = getattr(self.preprocessor, 'mean', None)
        return torch.zeros(1, 1, 1) if mean is None else mean

    @property
    def pixel_std(self) -> Tensor:
        """Tensor: What the images were divided by, (C or 1, 1, 1)."""
        std = getattr(self.preprocessor, 'std', None)
        return torch.ones(1, 1, 1) if std is None else std


def real_pixels(images: Tensor, data_samples: SampleList) -> Tensor:
    """Which pixels of a batch of unlabelled images are image, not padding.

    The data pipeline pads, as in a rotation, and so does the preprocessor.
    Both are known without masks, see ``prcl_mmseg.datasets.image_area``.

    Args:
        images (Tensor): The batch, (N, C, H, W).
        data_samples (list[SegDataSample]): Their metainfo may tell
            ``padding_size`` = (left, right, top, bottom); ``image_area``, if
            they have it, is what the pipeline left of the image.

    Returns:
        Tensor: bool of shape (N, H, W).
    """
    height, width = images.shape[2:]
    real = images.new_zeros((len(images), height, width), dtype=torch.bool)
    for image, sample in zip(real, data_samples):
        left, right, top, bottom = sample.metainfo.get('padding_size',
                                                       (0, 0, 0, 0))
        area = sample.image_area.data[0] if 'image_area' in sample else True
        image[top:height - bottom, left:width - right] = area
    return real


def for_any_channels(config: dict) -> dict:
    """The config, or its equivalent where mmseg's class would refuse it.

    Args:
        config (dict): Config of a preprocessor.
    """
    # One of the two families builds it on MMEngine's, which is for colours.
    picky = registered_class(config) is SegDataPreProcessor and issubclass(
        SegDataPreProcessor, ImgDataPreprocessor)
    if picky and len(config.get('mean') or ()) not in (0, 1, 3):
        return dict(config, type='MultiChannelSegDataPreProcessor')
    return config


def _check_sizes(name: str, images: List[Tensor],
                 crop_size: Optional[Tuple[int, int]]) -> None:
    """Raise ValueError for images that no padding makes equal."""
    shapes = sorted({tuple(image.shape) for image in images})
    padded = {
        (shape[0], *(max(pair) for pair in zip(shape[1:], crop_size)))
        if crop_size else shape
        for shape in shapes
    }
    if len(padded) > 1 and (crop_size or len({s[0] for s in shapes}) > 1):
        raise ValueError(
            f'the {name} images of a batch are {shapes} (C, H, W), and '
            f'model.crop_size={crop_size} pads smaller ones only; crop or '
            f'resize them in train_dataloader.dataset.{name}.pipeline, and '
            'load them with as many channels')


def _check_equal_sizes(images: Sequence[Tensor]) -> None:
    """Raise ValueError for images to predict that make no batch."""
    sizes = sorted({tuple(image.shape) for image in images})
    if len(sizes) > 1:
        raise ValueError(
            f'the images of a batch are {sizes} (C, H, W), which cannot be '
            'predicted together; set val_dataloader.batch_size=1 and '
            'test_dataloader.batch_size=1')


def _flatten_samples(part: dict) -> dict:
    """Undo the nesting that several samples per item leave."""
    return {name: list(leaves(values)) for name, values in part.items()}
