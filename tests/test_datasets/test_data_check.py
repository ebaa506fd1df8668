# Copyright (c) prcl_mmseg authors. All rights reserved.
"""All files of all parts, reported at once."""
import shutil

import cv2
import numpy as np
import pytest
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmseg.registry import DATASETS
from torch.utils.data import DataLoader

from prcl_mmseg.datasets import SemiSegDataset, check_data
from prcl_mmseg.datasets.data_check import DataPart
from prcl_mmseg.datasets.loader_check import check_steps

MASKS = dict(type='LoadAnnotations')
LABELED, UNLABELED, VAL = (
    'train_dataloader.dataset.labeled', 'train_dataloader.dataset.unlabeled',
    'val_dataloader.dataset')


@pytest.fixture
def parts(stock, folder):
    """Image a is labelled, b unlabelled, c and d are for validation."""
    for name, text in dict(a='a', b='b', cd='c\nd').items():
        (folder / f'{name}.txt').write_text(text)
    return {
        LABELED: DataPart(
            DATASETS.build(stock(MASKS, ann_file='a.txt')), 255),
        UNLABELED: DataPart(DATASETS.build(stock(ann_file='b.txt'))),
        VAL: DataPart(DATASETS.build(stock(MASKS, ann_file='cd.txt')), 255)
    }


def write_mask(folder, name: str, value: int, size=(20, 24)) -> None:
    cv2.imwrite(
        str(folder / f'masks/{name}.png'), np.full(size, value, np.uint8))


def test_all_faults_are_told_at_once(parts, folder):
    for name in 'bd':
        (folder / f'images/{name}.jpg').write_bytes(b'no image')
    write_mask(folder, 'a', 7)
    write_mask(folder, 'c', 1, (9, 9))
    with pytest.raises(ValueError) as error:
        check_data(parts, 2)
    message = str(error.value)
    for told in (f'`{LABELED}`: 1 file', 'masks/a.png holds the values 7',
                 f'`{UNLABELED}`: 1 file', 'images/b.jpg',
                 f'`{VAL}`: 2 file', 'images/d.jpg', 'masks/c.png is 9 x 9'):
        assert told in message
    assert message.count(f'The image {folder}/images/d.jpg') == 1


def test_ten_faults_are_named_and_all_counted(stock, folder):
    for index in range(13):
        (folder / f'images/x{index:02d}.jpg').write_bytes(b'')
    part = DataPart(DATASETS.build(stock()))
    with pytest.raises(ValueError) as error:
        check_data({UNLABELED: part}, 2)
    assert '13 file(s) cannot be used' in str(error.value)
    assert '... and 3 more' in str(error.value)
    assert 'x09.jpg' in str(error.value) and 'x10' not in str(error.value)


def test_masks_of_unlabelled_images_stay_closed(parts, folder):
    (folder / 'masks/b.png').write_bytes(b'no image')
    surveys = check_data(parts, 2)
    assert surveys.keys() == {LABELED, VAL}
    assert surveys[VAL].pixels.sum() == 2 * 20 * 24


def test_results_are_kept(parts, folder, tmp_path, monkeypatch):
    path = str(tmp_path / 'cache.json')
    pixels = check_data(parts, 2, cache_file=path)[LABELED].pixels
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('decoded'))
    again = check_data(parts, 2, cache_file=path)
    assert again[LABELED].pixels.tolist() == pixels.tolist()
    # What a label means is not kept, only where it is.
    with pytest.raises(ValueError, match='holds the values 1'):
        check_data(parts, 1, cache_file=path)


def test_an_empty_part(parts, stock, folder):
    (folder / 'empty.txt').write_text('')
    parts[VAL] = DataPart(
        DATASETS.build(stock(MASKS, type='SplitSegDataset',
                             ann_file='empty.txt')), 255)
    with pytest.raises(ValueError, match=f'`{VAL}` has no image.*empty.txt'):
        check_data(parts, 2)


def test_validation_that_loads_no_masks(parts, stock):
    parts[VAL] = DataPart(DATASETS.build(stock()), 255)
    with pytest.raises(ValueError, match=f'{VAL}.pipeline.* loads no masks'):
        check_data(parts, 2)


def test_masks_that_are_missing(parts, stock, folder):
    (folder / 'masks/d.png').unlink()
    with pytest.raises(ValueError, match='masks/d.png cannot be read'):
        check_data(parts, 2)
    bare = stock(MASKS, data_prefix=dict(img_path='images'))
    parts[VAL] = DataPart(DATASETS.build(bare), 255)
    with pytest.raises(ValueError, match='a.jpg has no mask'):
        check_data(parts, 2)


def test_masks_without_a_class(parts, folder, printed):
    write_mask(folder, 'd', 255)
    check_data(parts, 2)
    assert '1 mask(s) have no labelled pixel' in (told := printed())
    assert 'masks/d.png' in told and VAL in told
    write_mask(folder, 'c', 255)
    with pytest.raises(ValueError, match=f'No mask of `{VAL}` has a label'):
        check_data(parts, 2)


def test_images_in_training_and_validation(parts, stock, folder, printed):
    check_data(parts, 2)
    assert 'as well' not in printed()
    shutil.copy(folder / 'images/c.jpg', folder / 'images/a.jpg')
    parts[UNLABELED] = DataPart(DATASETS.build(stock()))
    check_data(parts, 2)
    told = printed()
    assert f'1 of 2 images of `{VAL}` are in `{LABELED}` as well' in told
    assert 'c.jpg (is ' in told and 'a.jpg)' in told
    assert f'2 of 2 images of `{VAL}` are in `{UNLABELED}` as well' in told
    assert '`exclude`' in told


@pytest.mark.parametrize('sampler, batch, drop, fits', [
    (DefaultSampler, 5, True, False), (DefaultSampler, 4, True, True),
    (DefaultSampler, 5, False, True), (InfiniteSampler, 99, True, True)])
def test_a_batch_larger_than_an_epoch(stock, sampler, batch, drop, fits):
    dataset = SemiSegDataset(stock(MASKS), stock())
    loader = DataLoader(dataset, batch, sampler=sampler(dataset),
                        drop_last=drop)
    if fits:
        check_steps(loader)
        return
    with pytest.raises(ValueError) as error:
        check_steps(loader)
    for told in ('train_dataloader.batch_size', 'is 5', 'drop_last',
                 'samples_per_item=(1, 1)', '4 labelled', 'process(es)',
                 'InfiniteSampler'):
        assert told in str(error.value)
