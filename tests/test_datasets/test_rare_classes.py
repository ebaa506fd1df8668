# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Repeating images that show rare classes."""
import pickle

import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS

import prcl_mmseg  # noqa: F401

MASKS = dict(type='LoadAnnotations')


@pytest.fixture
def rare(stock, folder) -> dict:
    """Class 1 is in one image of four; 2 in none; 255 is everywhere."""
    for name in 'abcd':
        mask = np.zeros((20, 24), np.uint8)
        mask[0] = 255
        mask[5, 5] = 7 if name == 'c' else 0
        cv2.imwrite(str(folder / f'masks/{name}.png'), mask)
    return stock(MASKS, type='SplitSegDataset', label_map={7: 1},
                 metainfo=dict(classes=('no', 'yes', 'never')))


def test_classes_of_an_image(rare):
    dataset = DATASETS.build(rare)
    assert [dataset.get_cat_ids(index) for index in range(4)] == [
        [0], [0], [0, 1], [0]]
    assert pickle.loads(pickle.dumps(dataset)).get_cat_ids(2) == [0, 1]


def test_images_with_rare_classes_are_repeated(rare, stock):
    balanced = dict(type='ClassBalancedDataset', oversample_thr=1.0,
                    dataset=rare)
    assert DATASETS.build(balanced).repeat_indices == [0, 1, 2, 2, 3]
    semi = DATASETS.build(dict(
        type='SemiSegDataset', labeled=balanced,
        unlabeled=stock(type='UnlabeledDataset')))
    names = [semi[index]['labeled']['data_samples'].img_path[-5:]
             for index in range(5)]
    assert names == ['a.jpg', 'b.jpg', 'c.jpg', 'c.jpg', 'd.jpg']


def test_without_masks_there_are_no_classes(rare, stock):
    with pytest.raises(ValueError, match='loads no masks'):
        DATASETS.build(stock(type='UnlabeledDataset')).get_cat_ids(0)
