# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch
from mmseg.registry import MODELS
from tiny import samples

from prcl_mmseg.models import SemiSegDataPreprocessor

FIVE = dict(mean=[1., 2., 3., 4., 5.], std=[1., 2., 4., 8., 16.])


def test_five_channels_are_normalised_and_padded():
    preprocessor = SemiSegDataPreprocessor(
        dict(type='SegDataPreProcessor', size=(6, 6), pad_val=0,
             seg_pad_val=255, bgr_to_rgb=True, **FIVE))
    images = [torch.randint(0, 99, (5, 4, 6)) for _ in range(2)]
    part = dict(inputs=images, data_samples=samples(2, (4, 6)))
    data = preprocessor(dict(labeled=part), training=True)
    inputs = data['inputs']['labeled']
    assert inputs.shape == (2, 5, 6, 6)
    mean, std = (torch.tensor(FIVE[name])[:, None, None]
                 for name in ('mean', 'std'))
    for image, output in zip(images, inputs):
        torch.testing.assert_close(output[:, :4], (image - mean) / std)
    assert not inputs[:, :, 4:].any()
    assert preprocessor.pixel_mean.flatten().tolist() == FIVE['mean']


@pytest.mark.parametrize('settings', [
    dict(mean=[1.]), dict(std=[1.]), dict(mean=[1.] * 5, std=[1.] * 4),
    dict(mean=[1.] * 5, std=[1.] * 4 + [0.])
])
def test_one_mean_and_one_positive_std_per_channel(settings):
    with pytest.raises(ValueError, match='data_preprocessor'):
        MODELS.build(dict(type='MultiChannelSegDataPreProcessor', **settings))


def test_without_normalisation():
    plain = MODELS.build(dict(type='MultiChannelSegDataPreProcessor'))
    image = torch.ones(7, 2, 2)
    data = plain(dict(inputs=[image], data_samples=samples(1, (2, 2))))
    assert data['inputs'].equal(image[None])
