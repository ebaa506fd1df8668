# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from prcl_mmseg.models import SemiSegDataPreprocessor, real_pixels

CONFIG = dict(
    type='mmseg.SegDataPreProcessor',
    mean=[1., 2., 3.],
    std=[4., 4., 4.],
    size=(8, 10))


def make_sample(height: int, width: int, labeled: bool) -> dict:
    sample = SegDataSample()
    if labeled:
        sample.gt_sem_seg = PixelData(
            data=torch.zeros(1, height, width, dtype=torch.long))
    return dict(
        inputs=torch.full((3, height, width), 9, dtype=torch.uint8),
        data_samples=sample)


def test_both_parts_are_normalized_and_padded():
    preprocessor = SemiSegDataPreprocessor(CONFIG)
    unlabeled = [make_sample(8, 10, False), make_sample(6, 7, False)]
    batch = pseudo_collate([
        dict(labeled=make_sample(8, 10, True), unlabeled=part)
        for part in unlabeled
    ])
    data = preprocessor(batch, training=True)
    for part in ('labeled', 'unlabeled'):
        assert data['inputs'][part].shape == (2, 3, 8, 10)
        assert data['inputs'][part][0, :, 0, 0].tolist() == [2, 1.75, 1.5]
    real = real_pixels(data['inputs']['unlabeled'],
                       data['data_samples']['unlabeled'])
    assert real[0].all()
    assert real[1, :6, :7].all() and real[1].sum() == 42


def test_several_samples_per_item_are_flattened():
    three = dict(
        inputs=[make_sample(8, 10, False)['inputs']] * 3,
        data_samples=[make_sample(8, 10, False)['data_samples']
                      for _ in range(3)])
    batch = pseudo_collate(
        [dict(labeled=make_sample(8, 10, True), unlabeled=three)] * 2)
    data = SemiSegDataPreprocessor(CONFIG)(batch, training=True)
    assert data['inputs']['labeled'].shape[0] == 2
    assert data['inputs']['unlabeled'].shape[0] == 6
    assert len(data['data_samples']['unlabeled']) == 6


def test_other_batches_pass_through():
    batch = pseudo_collate([make_sample(5, 5, True)])
    data = SemiSegDataPreprocessor(CONFIG)(batch, training=False)
    assert data['inputs'].shape == (1, 3, 5, 5)


def test_without_normalization_the_range_is_that_of_the_image():
    preprocessor = SemiSegDataPreprocessor(
        dict(type='mmseg.SegDataPreProcessor', size=(8, 8)))
    assert preprocessor.pixel_mean.eq(0).all()
    assert preprocessor.pixel_std.eq(1).all()


def test_batch_of_labeled_images_has_no_other_part():
    batch = pseudo_collate([dict(labeled=make_sample(8, 10, True))] * 2)
    data = SemiSegDataPreprocessor(CONFIG)(batch, training=True)
    assert set(data['inputs']) == set(data['data_samples']) == {'labeled'}


def test_padding_on_any_side_is_no_real_pixel():
    samples = [SegDataSample(), SegDataSample()]
    samples[0].set_metainfo(dict(padding_size=(1, 2, 3, 4)))
    # What annotations say is none of its business.
    samples[1].gt_sem_seg = PixelData(
        data=torch.full((1, 12, 9), 255, dtype=torch.long))
    real = real_pixels(torch.zeros(2, 3, 12, 9), samples)
    expected = torch.zeros(12, 9, dtype=torch.bool)
    expected[3:8, 1:7] = True
    assert real[0].equal(expected)
    assert real[1].all()


def test_it_is_undone_by_its_mean_and_std():
    preprocessor = SemiSegDataPreprocessor(CONFIG)
    batch = pseudo_collate([make_sample(8, 10, True)])
    image = preprocessor(batch, training=True)['inputs']
    raw = image * preprocessor.pixel_std + preprocessor.pixel_mean
    torch.testing.assert_close(raw, torch.full((1, 3, 8, 10), 9.))


@pytest.mark.parametrize('shapes, crop_size, refused', [
    ([(3, 40, 40), (3, 32, 32)], (32, 32), True),
    ([(3, 20, 40), (3, 40, 20)], (64, 64), False),
    ([(4, 32, 32), (3, 32, 32)], (32, 32), True),
])
def test_images_that_no_padding_makes_equal_are_named(shapes, crop_size,
                                                      refused):
    batch = pseudo_collate([
        dict(labeled=dict(inputs=torch.zeros(shape),
                          data_samples=SegDataSample())) for shape in shapes
    ])
    preprocessor = SemiSegDataPreprocessor(
        dict(type='SegDataPreProcessor', size=crop_size))
    if not refused:
        assert preprocessor(batch, training=True)
        return
    with pytest.raises(ValueError, match='labeled images of a batch.*crop'):
        preprocessor(batch, training=True)
