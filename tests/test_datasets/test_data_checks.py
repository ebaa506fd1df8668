# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Sizes, channels, label maps and paths."""
import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from prcl_mmseg.datasets import (SemiSegDataset, check_images, check_labels,
                                 check_paths)

MASKS = dict(type='LoadAnnotations')
KEY = 'train_dataloader.dataset.labeled'


def test_mask_of_another_size_than_its_image(stock, folder):
    cv2.imwrite(str(folder / 'masks/b.png'), np.zeros((24, 20), np.uint8))
    with pytest.raises(ValueError) as error:
        check_labels(DATASETS.build(stock(MASKS)), 2)
    for part in ('masks/b.png', 'images/b.jpg', '24 x 20', '20 x 24'):
        assert part in str(error.value)


def test_size_is_that_of_the_image_as_loaded(stock, folder):
    """An EXIF rotation turns the image, but not the mask."""
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new('RGB', (24, 20)).save(folder / 'images/c.jpg', exif=turned)
    with pytest.raises(ValueError, match='EXIF') as error:
        check_labels(DATASETS.build(stock(MASKS)), 2)
    assert '24 x 20' in str(error.value) and 'c.jpg' in str(error.value)
    cv2.imwrite(str(folder / 'masks/c.png'), np.zeros((24, 20), np.uint8))
    assert check_labels(DATASETS.build(stock(MASKS)), 2).sum() == 4 * 480


def test_unreadable_image_is_named(stock, folder):
    (folder / 'images/d.jpg').write_bytes(b'no image')
    with pytest.raises(ValueError, match='d.jpg cannot be read'):
        check_labels(DATASETS.build(stock(MASKS)), 2)


def test_label_map_of_the_config(stock, folder):
    for name in 'abcd':
        mask = np.zeros((20, 24), np.uint8)
        mask[0], mask[1] = 255, 9
        cv2.imwrite(str(folder / f'masks/{name}.png'), mask)
    config = stock(MASKS, type='SplitSegDataset',
                   label_map={255: 1, 9: 255})
    for ann_file in ('', 'list.txt'):
        (folder / 'list.txt').write_text('a\nb\nc\nd')
        dataset = DATASETS.build(dict(config, ann_file=ann_file))
        assert check_labels(dataset, 2).tolist() == [4 * 18 * 24, 4 * 24]
    label = dataset[0]['data_samples'].gt_sem_seg.data[0]
    assert label[0].eq(1).all() and label[1].eq(255).all()


@pytest.mark.parametrize('label_map', [{255: 2}, {255: -1}, {'255': 1}])
def test_label_map_must_lead_to_classes(stock, label_map):
    with pytest.raises(ValueError, match='`label_map` maps'):
        DATASETS.build(
            stock(MASKS, type='SplitSegDataset', label_map=label_map))


def test_label_map_and_chosen_classes_exclude_each_other(stock):
    with pytest.raises(ValueError, match='Remove one'):
        DATASETS.build(
            stock(MASKS, type='CamVidDataset', label_map={255: 1},
                  metainfo=dict(classes=('Sky', 'Car'))))


def test_lists_below_the_working_directory(stock, folder, tmp_path_factory,
                                           monkeypatch):
    elsewhere = tmp_path_factory.mktemp('elsewhere')
    (elsewhere / 'splits').mkdir()
    (elsewhere / 'splits/two.txt').write_text('a\nb')
    monkeypatch.chdir(elsewhere)
    config = stock(MASKS, type='SplitSegDataset', ann_file='splits/two.txt')
    assert len(DATASETS.build(config)) == 2
    # A list in the data comes first.
    (folder / 'splits').mkdir()
    (folder / 'splits/two.txt').write_text('c')
    assert len(DATASETS.build(config)) == 1


def test_stock_datasets_with_missing_paths(stock):
    wrong = dict(
        ann_file=dict(ann_file='nowhere.txt'),
        img_path=dict(data_prefix=dict(img_path='nowhere')),
        seg_map_path=dict(
            data_prefix=dict(img_path='images', seg_map_path='nowhere')))
    for name, setting in wrong.items():
        with pytest.raises(FileNotFoundError) as error:
            SemiSegDataset(stock(MASKS, **setting))
        for part in (KEY, name, 'nowhere', 'data_root'):
            assert part in str(error.value)
    missing = dict(type='PotsdamDataset', data_root='here', ann_file='list')
    with pytest.raises(FileNotFoundError, match='SplitPotsdamDataset'):
        check_paths(missing, KEY)
    both = dict(type='ConcatDataset', datasets=[
        stock(MASKS), stock(MASKS, **wrong['img_path'])])
    with pytest.raises(FileNotFoundError,
                       match=r'dataset\.datasets\.1\.data_prefix\.img_path'):
        check_paths(both, 'val_dataloader.dataset')


def test_masks_of_unlabelled_stock_datasets_need_not_exist(stock):
    nowhere = dict(img_path='images', seg_map_path='nowhere')
    dataset = SemiSegDataset(stock(MASKS), stock(data_prefix=nowhere))
    assert len(dataset.unlabeled) == 4


def test_paths_that_cannot_be_looked_for_are_left_alone(stock):
    check_paths(stock(backend_args=dict(backend='petrel'),
                      ann_file='nowhere.txt'), KEY)
    check_paths(dict(type='DemoSegDataset', data_root='nowhere'), KEY)


def test_channels_of_model_and_images(stock):
    dataset = DATASETS.build(stock(MASKS))
    check_images(dataset, KEY, model_channels=3, mean_values=3)
    check_images(dataset, KEY, model_channels=3, mean_values=1)
    with pytest.raises(ValueError) as error:
        check_images(dataset, KEY, model_channels=5, mean_values=5)
    for part in (KEY, '3 channel(s)', 'a.jpg', 'takes 5',
                 'backbone.in_channels=3'):
        assert part in str(error.value)
    with pytest.raises(ValueError, match='mean` has 5 values'):
        check_images(dataset, KEY, model_channels=3, mean_values=5)


def test_images_of_16_bits(stock, folder, printed):
    for name in 'abcd':
        cv2.imwrite(str(folder / f'images/{name}.png'),
                    np.zeros((20, 24), np.uint16))
    load = dict(type='LoadImageFromFile', color_type='unchanged')

    def dataset(loader):
        return DATASETS.build(
            stock(img_suffix='.png', pipeline=[loader, MASKS]))

    with pytest.raises(ValueError, match='to_float32=True'):
        check_images(dataset(load), KEY, model_channels=1)
    check_images(dataset(dict(load, to_float32=True)), KEY, 1)
    check_images(dataset(dict(type='LoadImageFromFile')), KEY, 3)
    assert "color_type='unchanged'" in printed()
