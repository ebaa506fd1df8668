# Copyright (c) prcl_mmseg authors. All rights reserved.
import shutil

import cv2
import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from mmseg.registry import DATASETS
from torch.utils.data import DataLoader

from prcl_mmseg.datasets import (SemiSegDataset, SplitSegDataset,
                                 UnlabeledDataset, check_class_count,
                                 check_labels, log_class_histogram)

LOAD, PACK = dict(type='LoadImageFromFile'), dict(type='PackSegInputs')
MASKS = dict(type='LoadAnnotations')
WEAK = [
    dict(type='RandomResize', scale=(24, 20), ratio_range=(0.5, 2.0),
         keep_ratio=True),
    dict(type='RandomCrop', crop_size=(16, 16)),
    dict(type='RandomFlip', prob=0.5)
]
METAINFO = dict(classes=('no', 'yes'), palette=[[0, 0, 0], [255, 255, 255]])
PREFIX = dict(img_path='images', seg_map_path='masks')


def labeled(folder, **settings) -> dict:
    return {
        **dict(
            type='SplitSegDataset',
            data_root=str(folder),
            metainfo=METAINFO,
            pipeline=[LOAD, MASKS, *WEAK, PACK]),
        **settings
    }


def unlabeled(folder, **settings) -> dict:
    return {
        **dict(
            type='UnlabeledDataset',
            data_root=str(folder),
            pipeline=[LOAD, *WEAK, PACK]),
        **settings
    }


@pytest.mark.parametrize('text', [
    'images/a.jpg masks/a.png\nimages/b.jpg masks/b.png',
    'a\nb',
    'images/a.jpg\nimages/b.jpg',
])
def test_lists_lead_to_images_and_masks(folder, write_list, text):
    dataset = DATASETS.build(
        labeled(folder, ann_file=write_list(text), data_prefix=PREFIX))
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [(info['img_path'], info['seg_map_path']) for info in infos] == [
        (f'{folder}/images/{name}.jpg', f'{folder}/masks/{name}.png')
        for name in 'ab'
    ]
    sample = dataset[0]
    assert sample['inputs'].shape[0] == 3
    assert 'gt_sem_seg' in sample['data_samples']


def test_without_a_list_the_folder_is_read(folder):
    dataset = DATASETS.build(labeled(folder, data_prefix=PREFIX))
    assert isinstance(dataset, SplitSegDataset) and len(dataset) == 4


def test_missing_files_are_listed(folder, write_list):
    name = write_list('images/a.jpg masks/x.png\nimages/y.jpg masks/b.png')
    with pytest.raises(FileNotFoundError) as error:
        DATASETS.build(labeled(folder, ann_file=name))
    for part in ('list.txt', 'masks/x.png', 'images/y.jpg',
                 '1 of 2 images', '1 of 2 masks'):
        assert part in str(error.value)


def test_labeled_entry_without_mask_is_refused(folder, write_list):
    with pytest.raises(ValueError, match='have no mask'):
        DATASETS.build(
            labeled(
                folder,
                ann_file=write_list('images/a.jpg None'),
                data_prefix=dict(img_path='images')))


def test_bare_folder_of_any_image_format(folder):
    (folder / 'images/more').mkdir()
    image = np.zeros((9, 9, 3), np.uint8)
    cv2.imwrite(str(folder / 'images/more/e.png'), image)
    cv2.imwrite(str(folder / 'images/more/f.bmp'), image)
    shutil.move(folder / 'images/a.jpg', folder / 'images/a.JPG')
    (folder / 'images/notes.txt').write_text('no image')
    dataset = DATASETS.build(
        unlabeled(folder, data_prefix=dict(img_path='images')))
    assert isinstance(dataset, UnlabeledDataset) and len(dataset) == 6
    # Smaller than the crop is fine too.
    assert all(sample['inputs'].shape[0] == 3 for sample in dataset)


def test_a_folder_of_arrays(tmp_path):
    np.save(tmp_path / 'a.npy', np.zeros((9, 9, 5)))
    (tmp_path / 'notes.txt').write_text('no image')
    infos = UnlabeledDataset(data_root=str(tmp_path)).load_data_list()
    assert [info['img_path'] for info in infos] == [str(tmp_path / 'a.npy')]
    cv2.imwrite(str(tmp_path / 'b.png'), np.zeros((9, 9, 3)))
    infos = UnlabeledDataset(data_root=str(tmp_path)).load_data_list()
    assert [info['img_path'] for info in infos] == [str(tmp_path / 'b.png')]


def test_a_list_of_files_with_endings_of_their_own(tmp_path):
    (tmp_path / 'a.dat').write_bytes(b'')
    (tmp_path / 'list.txt').write_text('a.dat None\n')
    infos = UnlabeledDataset(
        data_root=str(tmp_path), ann_file='list.txt').load_data_list()
    assert [info['img_path'] for info in infos] == [str(tmp_path / 'a.dat')]


@pytest.mark.parametrize('text', [
    'images/a.jpg masks/a.png\nimages/b.jpg masks/b.png', 'a\nb',
    '/images/a.jpg None\n/images/b.jpg None'
])
def test_unlabeled_lists(folder, write_list, text):
    dataset = DATASETS.build(
        unlabeled(
            folder,
            ann_file=write_list(text),
            data_prefix=dict(img_path='images')))
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info['img_path'] for info in infos
            ] == [f'{folder}/images/{name}.jpg' for name in 'ab']
    assert all('seg_map_path' not in info for info in infos)


def test_no_unlabeled_images_are_a_dataset_of_length_zero(folder, write_list):
    (folder / 'empty').mkdir()
    by_list = unlabeled(folder, ann_file=write_list('\n'))
    by_folder = unlabeled(folder, data_prefix=dict(img_path='empty'))
    assert len(DATASETS.build(by_list)) == len(DATASETS.build(by_folder)) == 0
    with pytest.raises(FileNotFoundError, match='nowhere'):
        DATASETS.build(
            unlabeled(folder, data_prefix=dict(img_path='nowhere')))


def test_items_hold_both_parts_and_masks_stay_closed(folder, write_list):
    one = write_list('images/a.jpg masks/a.png', 'one.txt')
    shutil.rmtree(folder / 'masks')
    (folder / 'masks').mkdir()
    cv2.imwrite(str(folder / 'masks/a.png'), np.zeros((20, 24), np.uint8))
    for name in 'bcd':
        # Opening one of these fails.
        (folder / f'masks/{name}.png').mkdir()
    pairs = '\n'.join(f'images/{n}.jpg masks/{n}.png' for n in 'bcd')
    dataset = SemiSegDataset(
        labeled(folder, ann_file=one),
        unlabeled(folder, ann_file=write_list(pairs)))
    assert len(dataset) == 3
    assert dataset.metainfo['classes'] == METAINFO['classes']
    for batch in DataLoader(
            dataset, batch_size=3, collate_fn=pseudo_collate):
        for part in ('labeled', 'unlabeled'):
            assert len(batch[part]['inputs']) == 3
            assert len(batch[part]['data_samples']) == 3
        paths = {
            sample.img_path
            for sample in batch['unlabeled']['data_samples']
        }
        assert len(paths) == 3
        assert all('gt_sem_seg' not in sample
                   for sample in batch['unlabeled']['data_samples'])


def test_any_mmseg_dataset_can_be_unlabeled(folder):
    stock = dict(
        type='BaseSegDataset',
        data_root=str(folder),
        data_prefix=PREFIX,
        metainfo=METAINFO,
        pipeline=[LOAD, PACK])
    shutil.rmtree(folder / 'masks')
    (folder / 'masks').mkdir()
    cv2.imwrite(str(folder / 'masks/a.png'), np.zeros((20, 24), np.uint8))
    (folder / 'one.txt').write_text('images/a.jpg masks/a.png')
    dataset = SemiSegDataset(labeled(folder, ann_file='one.txt'), stock)
    assert len(dataset) == 4
    assert 'gt_sem_seg' not in dataset[3]['unlabeled']['data_samples']
    with pytest.raises(ValueError, match='unlabeled.pipeline'):
        SemiSegDataset(
            labeled(folder, ann_file='one.txt'),
            dict(stock, pipeline=[LOAD, MASKS, PACK]))


@pytest.mark.parametrize('counts, length', [((1, 1), 4), ((1, 2), 2),
                                            ((2, 3), 2), ((3, 1), 4)])
def test_samples_per_item(folder, write_list, counts, length):
    pair = 'images/a.jpg masks/a.png\nimages/b.jpg masks/b.png'
    dataset = SemiSegDataset(
        labeled(folder, ann_file=write_list(pair)),
        unlabeled(folder, data_prefix=dict(img_path='images')), counts)
    assert len(dataset) == length
    shown = set()
    for item in dataset:
        for part, count in zip(('labeled', 'unlabeled'), counts):
            inputs = item[part]['inputs']
            assert count == 1 or len(inputs) == count
            samples = item[part]['data_samples']
            samples = [samples] if count == 1 else samples
            if part == 'unlabeled':
                shown.update(sample.img_path for sample in samples)
    assert len(shown) == 4


@pytest.mark.parametrize('nothing', ['none', 'empty'])
def test_without_unlabeled_images_items_are_labeled_only(
        folder, write_list, nothing):
    other = None
    if nothing == 'empty':
        other = unlabeled(folder, ann_file=write_list('', 'empty.txt'))
    dataset = SemiSegDataset(
        labeled(folder, data_prefix=PREFIX), other)
    assert len(dataset) == 4 and set(dataset[0]) == {'labeled'}


def test_empty_labeled_set_is_an_error(folder, write_list):
    with pytest.raises(ValueError) as error:
        SemiSegDataset(labeled(folder, ann_file=write_list('\n')))
    for part in ('train_dataloader.dataset.labeled', 'list.txt'):
        assert part in str(error.value)


@pytest.mark.parametrize('counts', [(0, 1), (1, ), (1, 1.5), 2])
def test_bad_samples_per_item(folder, counts):
    with pytest.raises(ValueError, match='samples_per_item'):
        SemiSegDataset(labeled(folder, data_prefix=PREFIX), None, counts)


def test_histogram_counts_labeled_pixels(folder):
    dataset = DATASETS.build(labeled(folder, data_prefix=PREFIX))
    masks = [
        cv2.imread(str(folder / f'masks/{name}.png'), 0) for name in 'abcd'
    ]
    expected = np.bincount(np.concatenate(masks).ravel(), minlength=2)
    assert check_labels(dataset, 2).tolist() == expected.tolist()


@pytest.mark.parametrize('value, cure', [(2, 'reduce_zero_label'),
                                         (254, 'num_classes')])
def test_label_outside_the_classes(folder, value, cure):
    cv2.imwrite(
        str(folder / 'masks/c.png'), np.full((20, 24), value, np.uint8))
    dataset = DATASETS.build(labeled(folder, data_prefix=PREFIX))
    with pytest.raises(ValueError) as error:
        check_labels(dataset, 2)
    for part in ('masks/c.png', str(value), cure):
        assert part in str(error.value)


def test_reduced_labels_are_what_is_checked(folder):
    for name in 'abcd':
        cv2.imwrite(
            str(folder / f'masks/{name}.png'),
            np.tile(np.array([[0, 1], [2, 2]], np.uint8), (10, 12)))
    dataset = DATASETS.build(
        labeled(
            folder,
            data_prefix=PREFIX,
            reduce_zero_label=True,
            pipeline=[LOAD, dict(MASKS, reduce_zero_label=True), PACK]))
    assert check_labels(dataset, 2).tolist() == [480, 960]


def test_binary_masks_of_0_and_255_are_noticed(printed):
    log_class_histogram(np.array([50, 0]), ('no', 'yes'))
    table = printed()
    assert 'No labelled pixel of: yes' in table and '0/255' in table


def test_class_counts_are_compared():
    check_class_count(METAINFO, 2)
    with pytest.raises(ValueError, match='model.num_classes'):
        check_class_count(METAINFO, 3)
    with pytest.raises(ValueError, match='metainfo.classes'):
        check_class_count({}, 3)


def test_each_class_needs_one_colour():
    with pytest.raises(ValueError, match='names 2 `classes`, but .* has 1 '
                       'colours'):
        SplitSegDataset(
            metainfo=dict(classes=('a', 'b'), palette=[[0, 0, 0]]),
            lazy_init=True)


def test_ids_need_an_ending(tmp_path):
    (tmp_path / 'list.txt').write_text('2007_1\n')
    with pytest.raises(ValueError, match="names '2007_1' without an ending"):
        SplitSegDataset(ann_file=str(tmp_path / 'list.txt'), img_suffix=None)
