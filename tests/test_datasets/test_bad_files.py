# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Files that cannot be read in the middle of a training."""
import os

import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmengine.dataset import pseudo_collate
from mmseg.registry import DATASETS, TRANSFORMS
from torch.utils.data import DataLoader

from prcl_mmseg.datasets import SemiSegDataset

MASKS = dict(type='LoadAnnotations')


class Fails(BaseTransform):
    """A transform with a bug."""

    def transform(self, results: dict) -> dict:
        raise TypeError('a bug')


def shown(dataset, part: str = 'unlabeled') -> list:
    return [os.path.basename(item[part]['data_samples'].img_path)
            for item in dataset]


@pytest.fixture
def cut(folder):
    """Cut files off."""

    def cut(*names: str) -> None:
        for name in names:
            path = folder / name
            content = path.read_bytes()
            path.write_bytes(content[:len(content) // 2])

    return cut


def test_the_next_image_replaces_it(stock, cut, printed):
    dataset = SemiSegDataset(stock(MASKS), stock(), max_bad_files=4)
    cut('images/b.jpg', 'images/d.jpg')
    expected = ['a.jpg', 'c.jpg', 'c.jpg', 'a.jpg']
    assert shown(dataset) == shown(dataset, 'labeled') == expected
    # Both parts have both images: four samples.
    assert printed().count('cannot be read') == 4


def test_warned_of_once_and_refused_beyond_the_limit(
        stock, folder, cut, printed, write_list):
    one = stock(MASKS, ann_file=write_list('a', 'one.txt'))
    dataset = SemiSegDataset(one, stock(), max_bad_files=1)
    cut('images/c.jpg')
    for _ in range(3):
        assert shown(dataset) == ['a.jpg', 'b.jpg', 'd.jpg', 'd.jpg']
    warnings = [line for line in printed().split('\n') if 'of at most' in line]
    assert len(warnings) == 1
    for told in ('images/c.jpg', 'failed to load', '1 of at most 1',
                 'train_dataloader.dataset.max_bad_files'):
        assert told in warnings[0]
    cut('images/d.jpg')
    with pytest.raises(ValueError) as error:
        shown(dataset)
    for told in ('images/d.jpg', '`train_dataloader.dataset.max_bad_files` '
                 'allows 1', 'decode=True'):
        assert told in str(error.value)


def test_a_mask_that_cannot_be_read(stock, cut, printed):
    dataset = SemiSegDataset(stock(MASKS))
    cut('masks/a.png')
    assert shown(dataset, 'labeled') == ['b.jpg', 'b.jpg', 'c.jpg', 'd.jpg']
    assert 'masks/a.png cannot be read' in printed()


def test_a_file_that_has_gone(stock, folder, printed):
    dataset = SemiSegDataset(stock(MASKS), stock())
    for name in 'abc':
        (folder / f'images/{name}.jpg').unlink()
    assert set(shown(dataset)) == {'d.jpg'}
    assert 'FileNotFoundError' in printed()
    (folder / 'images/d.jpg').unlink()
    with pytest.raises(ValueError, match='No file of .*labeled` can be read'):
        dataset[0]


@pytest.mark.parametrize('kind', ['ConcatDataset', 'RepeatDataset'])
def test_files_in_wrapped_datasets(stock, cut, printed, kind):
    inner = dict(datasets=[stock(), stock()]) \
        if kind == 'ConcatDataset' else dict(dataset=stock(), times=2)
    dataset = SemiSegDataset(stock(MASKS), dict(type=kind, **inner))
    cut('images/c.jpg')
    assert shown(dataset) == ['a.jpg', 'b.jpg', 'd.jpg', 'd.jpg'] * 2
    assert 'images/c.jpg cannot be read' in printed()


def test_data_workers_share_the_count(stock, cut, write_list):
    one = stock(MASKS, ann_file=write_list('a', 'one.txt'))
    dataset = SemiSegDataset(one, stock(), max_bad_files=3)
    cut('images/b.jpg', 'images/c.jpg', 'images/d.jpg')
    loader = DataLoader(dataset, num_workers=2, collate_fn=pseudo_collate)
    for _ in range(2):
        assert len(list(loader)) == 4
    # The main process knows of the three that its workers have met.
    cut('images/a.jpg')
    with pytest.raises(ValueError, match='a.jpg.* 4 samples .* allows 3'):
        dataset[0]


@pytest.mark.parametrize('transform', [
    dict(type='Fails'),
    dict(type='RandomApply', prob=1., transforms=[dict(type='Fails')])])
def test_bugs_are_no_bad_files(stock, transform):
    TRANSFORMS.register_module(module=Fails, force=True)
    dataset = SemiSegDataset(stock(MASKS), stock(transform))
    with pytest.raises(TypeError, match='a bug'):
        dataset[0]


@pytest.mark.parametrize('limit', [-1, 1.5, None, '3', True])
def test_limit_must_be_a_number(stock, limit):
    with pytest.raises(ValueError, match='dataset.max_bad_files` must be'):
        SemiSegDataset(stock(MASKS), max_bad_files=limit)


def test_replacing_uses_no_random_numbers(stock, cut):
    crop = dict(type='RandomCrop', crop_size=(8, 8))
    dataset = SemiSegDataset(stock(MASKS), stock(crop))
    np.random.seed(0)
    expected = dataset.unlabeled[1]['inputs']
    cut('images/a.jpg')
    np.random.seed(0)
    assert dataset[0]['unlabeled']['inputs'].equal(expected)


@pytest.mark.parametrize('name', ['images/a.jpg', 'masks/a.png'])
def test_validation_names_the_file(stock, cut, name):
    dataset = DATASETS.build(stock(MASKS, type='SplitSegDataset'))
    cut(name)
    with pytest.raises(ValueError, match=f'{name} cannot be read .*Error: '):
        dataset[0]
    with pytest.raises(ValueError, match=f'^[^(]*{name} cannot be read .[AO]'):
        SemiSegDataset(dataset, max_bad_files=0)[0]
