# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Padding of unlabelled images is where padding of their masks would be."""
import random

import cv2
import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmseg.registry import DATASETS
from mmseg.registry import TRANSFORMS as MMSEG_TRANSFORMS
from tiny import ReadsFiles  # noqa: F401

from prcl_mmseg.datasets.image_area import MarkImageArea
from prcl_mmseg.models import SemiSegDataPreprocessor, real_pixels

TRANSFORMS = {
    'nothing': [],
    'resize': [dict(type='Resize', scale=(30, 20), keep_ratio=False)],
    'pad': [dict(type='Pad', size=(48, 56), pad_val=dict(img=0, seg=255))],
    'pad_to_multiple': [dict(type='Pad', size_divisor=19)],
    'rotate': [dict(type='RandomRotate', prob=1., degree=(30, 60))],
    'rotate_and_flip': [
        dict(type='RandomRotate', prob=1., degree=(30, 60), auto_bound=True),
        dict(type='RandomFlip', prob=1.)
    ],
    'pad_crop_flip': [
        dict(type='Pad', size=(60, 60)),
        dict(type='RandomCrop', crop_size=(40, 40)),
        dict(type='RandomFlip', prob=0.5)
    ],
    'resize_padded': [
        dict(type='Pad', size=(64, 64)),
        dict(type='RandomResize', scale=(64, 64), ratio_range=(0.5, 1.)),
        dict(type='ResizeToMultiple', size_divisor=8)
    ],
}


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in 'ab':
        image = rng.integers(1, 255, (36, 44, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f'{name}.png'), image)
        cv2.imwrite(str(tmp_path / f'{name}_mask.png'), image[..., 0] % 3)
    (tmp_path / 'list.txt').write_text(
        'a.png a_mask.png\nb.png b_mask.png\n')
    return str(tmp_path)


def build(folder: str, transforms: list, mosaic: bool = False):
    load, pack = dict(type='LoadImageFromFile'), dict(type='PackSegInputs')

    def part(*loading, **settings) -> dict:
        pipeline = [*transforms, pack]
        config = dict(data_root=folder, ann_file='list.txt', **settings)
        if not mosaic:
            return dict(config, pipeline=[*loading, *pipeline])
        return dict(
            type='MultiImageMixDataset',
            dataset=dict(config, pipeline=[*loading]),
            pipeline=[
                dict(type='RandomMosaic', prob=1., img_scale=(50, 50)),
                *pipeline
            ])

    return DATASETS.build(
        dict(
            type='SemiSegDataset',
            labeled=part(
                load,
                dict(type='LoadAnnotations'),
                type='SplitSegDataset',
                metainfo=dict(classes=('a', 'b', 'c'))),
            unlabeled=part(load, type='UnlabeledDataset')))


def areas(dataset, crop_size: tuple) -> list:
    """Where masks and unlabelled images say that there is image."""
    parts = []
    for part in (dataset.labeled, dataset.unlabeled):
        random.seed(3)
        np.random.seed(3)
        parts.append(dataset._take('unlabeled' if part is dataset.unlabeled
                                   else 'labeled', part, 0, 1))
    data = SemiSegDataPreprocessor(
        dict(type='SegDataPreProcessor', size=crop_size, seg_pad_val=255))(
            dict(
                zip(('labeled', 'unlabeled'),
                    (dict(
                        inputs=[part['inputs']],
                        data_samples=[part['data_samples']])
                     for part in parts))), True)
    mask = data['data_samples']['labeled'][0].gt_sem_seg.data != 255
    assert data['inputs']['labeled'].equal(data['inputs']['unlabeled'])
    return [mask, real_pixels(data['inputs']['unlabeled'],
                              data['data_samples']['unlabeled'])]


@pytest.mark.parametrize('name', TRANSFORMS)
@pytest.mark.parametrize('mosaic', [False, True])
def test_padding_is_where_it_is_in_masks(folder, name, mosaic):
    dataset = build(folder, TRANSFORMS[name], mosaic)
    mask, area = areas(dataset, crop_size=(80, 80))
    assert area.equal(mask)
    assert 0 < area.float().mean() < 1


@MMSEG_TRANSFORMS.register_module()
class AddsTile(BaseTransform):
    """A transform of the user's before the loader."""

    def transform(self, results: dict) -> dict:
        return dict(results, tile=0)


@pytest.mark.parametrize('loading', [
    ['ReadsFiles'], ['AddsTile', 'ReadsFiles'],
    ['AddsTile', 'LoadImageFromFile']])
def test_a_loader_may_have_any_name(folder, loading):
    loading = [dict(type=name) for name in loading]
    transforms = [*TRANSFORMS['pad'], dict(type='PackSegInputs')]
    dataset = DATASETS.build(dict(
        type='SemiSegDataset',
        labeled=dict(
            type='SplitSegDataset', data_root=folder, ann_file='list.txt',
            metainfo=dict(classes=('a', 'b', 'c')),
            pipeline=[*loading, dict(type='LoadAnnotations'), *transforms]),
        unlabeled=dict(
            type='UnlabeledDataset', data_root=folder, ann_file='list.txt',
            pipeline=[*loading, *transforms])))
    mask, area = areas(dataset, crop_size=(80, 80))
    assert area.equal(mask) and area.sum() == 36 * 44


def test_whole_images_carry_no_map(folder):
    sample = build(folder, [])[0]['unlabeled']
    assert 'image_area' not in sample['data_samples']
    padded = build(folder, TRANSFORMS['pad'])[0]['unlabeled']['data_samples']
    assert padded.image_area.data.shape == (1, 56, 48)
    assert 'gt_sem_seg' not in padded


def test_masks_that_a_transform_loads_all_the_same_are_ignored(folder):
    dataset = build(folder, TRANSFORMS['pad'])

    def load_mask(results: dict) -> dict:
        results['gt_seg_map'] = results['img'][..., 0] % 3
        return results

    dataset.unlabeled.pipeline.transforms.insert(2, load_mask)
    sample = dataset[0]['unlabeled']['data_samples']
    assert 'image_area' not in sample and 'gt_sem_seg' not in sample


def test_a_transform_that_forgets_the_map_is_told(folder, recwarn):
    dataset = build(folder, [])
    transforms = dataset.unlabeled.pipeline.transforms

    def shrink(results: dict) -> dict:
        results['img'] = results['img'][:20]
        return results

    assert sum(isinstance(each, MarkImageArea) for each in transforms) == 1
    transforms.insert(2, shrink)
    sample = dataset[0]['unlabeled']
    assert 'image_area' not in sample['data_samples']
    assert any('changes the size' in str(item.message) for item in recwarn)


def test_gray_images_are_marked():
    results = MarkImageArea()(dict(img=np.zeros((5, 7))))
    assert results['gt_seg_map'].shape == (5, 7)
    assert results['seg_fields'] == ['gt_seg_map']
