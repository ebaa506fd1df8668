# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
from mmseg.registry import DATASETS

from prcl_mmseg.datasets import SemiSegDataset, UnlabeledDataset
from prcl_mmseg.datasets.pipeline_check import (find_mask_loader,
                                                leaf_datasets)

LOAD, PACK = dict(type='LoadImageFromFile'), dict(type='PackSegInputs')
MASKS = dict(type='LoadAnnotations')


@pytest.mark.parametrize('transform', [
    MASKS,
    dict(type='RandomApply', transforms=[MASKS]),
    dict(type='RandomChoice', transforms=[[dict(type='Resize', scale=(8, 8))],
                                          [MASKS]]),
    dict(type='RandomCrop', crop_size=(8, 8), cat_max_ratio=0.75),
])
def test_unlabeled_pipeline_may_not_need_masks(stock, folder, transform):
    for other in (stock(transform),
                  dict(
                      type='RepeatDataset', times=2,
                      dataset=stock(transform))):
        with pytest.raises(
                ValueError, match='train_dataloader.dataset.unlabeled'):
            SemiSegDataset(stock(MASKS), other)
    with pytest.raises(ValueError, match='train_dataloader.dataset.unlabeled'):
        UnlabeledDataset(
            data_root=str(folder), pipeline=[LOAD, transform, PACK])


def test_wrapped_datasets_are_searched(stock):
    plain, masked = stock(), stock(MASKS)
    wrapped = DATASETS.build(
        dict(
            type='ConcatDataset',
            datasets=[plain,
                      dict(type='RepeatDataset', times=2, dataset=masked)]))
    first, second = leaf_datasets(wrapped)
    assert find_mask_loader(first) is None
    assert find_mask_loader(wrapped) is find_mask_loader(second) is not None
