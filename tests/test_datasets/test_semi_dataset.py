# Copyright (c) prcl_mmseg authors. All rights reserved.
import os

import pytest
from mmengine.dataset import pseudo_collate
from mmengine.fileio import LocalBackend
from mmseg.registry import DATASETS
from torch.utils.data import DataLoader

from prcl_mmseg.datasets import SemiSegDataset

MASKS = dict(type='LoadAnnotations')


class Rejecting:
    """A dataset whose pipeline rejects its second image."""
    metainfo = dict(classes=('no', 'yes'))

    def __init__(self, dataset) -> None:
        self.samples = [dataset[0], None]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int):
        return self.samples[index]


def open_files(monkeypatch) -> list:
    """Record the local files that MMEngine reads from now on."""
    opened, get = [], LocalBackend.get

    def record(self, path):
        opened.append(str(path))
        return get(self, path)

    monkeypatch.setattr(LocalBackend, 'get', record)
    return opened


@pytest.mark.parametrize('kind', ['UnlabeledDataset', 'BaseSegDataset'])
def test_no_file_of_an_unlabeled_mask_is_read(stock, write_list, monkeypatch,
                                              kind):
    one = write_list('a\n', 'one.txt')
    others = write_list('b\nc\nd\n')
    dataset = SemiSegDataset(
        stock(MASKS, ann_file=one), stock(type=kind, ann_file=others))
    opened = open_files(monkeypatch)
    for _ in dataset:
        pass
    assert sorted({os.path.basename(path) for path in opened}) == [
        'a.jpg', 'a.png', 'b.jpg', 'c.jpg', 'd.jpg'
    ]


@pytest.mark.parametrize('suffixes', [('.jpg', '.png'),
                                      ('_rgb.png', '_ids.png')])
def test_masks_among_the_unlabelled_images(stock, tmp_path, suffixes):
    image, mask = suffixes
    root = tmp_path / 'beside'
    root.mkdir()
    for name in 'abc':
        for suffix in suffixes:
            (root / f'{name}{suffix}').touch()
    (root / 'one.txt').write_text(f'a{image}\n')
    labeled = stock(
        type='SplitSegDataset', data_root=str(root), ann_file='one.txt',
        img_suffix=image, seg_map_suffix=mask,
        data_prefix=dict(img_path='', seg_map_path=''))
    unlabeled = stock(type='UnlabeledDataset', data_root=str(root),
                      data_prefix=dict(img_path=''))
    with pytest.raises(ValueError, match=rf'3 files that are masks, \S*a{mask}'
                       ' for one. Set its `img_suffix`'):
        SemiSegDataset(labeled, unlabeled)
    dataset = SemiSegDataset(labeled, dict(unlabeled, img_suffix=image))
    assert len(dataset.unlabeled) == 3


def test_listed_masks_follow_no_rule(stock, tmp_path):
    """The photograph a.png is no mask of a.jpg, but l.png is one."""
    root = tmp_path / 'listed'
    (root / 'pool').mkdir(parents=True)
    for name in ('x.jpg', 'l.png', 'pool/a.jpg', 'pool/a.png'):
        (root / name).touch()
    (root / 'one.txt').write_text('x.jpg l.png\n')
    labeled = stock(
        type='SplitSegDataset', data_root=str(root), ann_file='one.txt',
        data_prefix=dict(img_path='', seg_map_path=''))
    unlabeled = stock(type='UnlabeledDataset', data_root=str(root),
                      data_prefix=dict(img_path='pool'))
    assert len(SemiSegDataset(labeled, unlabeled).unlabeled) == 2
    with pytest.raises(ValueError, match=r'1 files that are masks, \S*l.png'):
        SemiSegDataset(labeled, dict(unlabeled, data_prefix=dict(
            img_path='')))


def test_locked_masks_do_no_harm(stock, folder, write_list):
    one = write_list('a\n', 'one.txt')
    for name in 'bcd':
        path = folder / f'masks/{name}.png'
        path.write_bytes(b'no image')
        path.chmod(0)
    dataset = SemiSegDataset(stock(MASKS, ann_file=one), stock())
    assert len([item['unlabeled'] for item in dataset]) == 4


@pytest.mark.parametrize('workers', [0, 2])
def test_several_samples_of_an_item_are_nested_lists(
        stock, write_list, workers):
    two = write_list('a\nb\n')
    dataset = SemiSegDataset(
        stock(MASKS, ann_file=two), stock(), samples_per_item=(1, 2))
    loader = DataLoader(
        dataset, batch_size=2, num_workers=workers,
        collate_fn=pseudo_collate)
    batch, = loader
    assert [tuple(image.shape) for image in batch['labeled']['inputs']
            ] == [(3, 20, 24)] * 2
    names = [[
        os.path.basename(sample.img_path) for sample in samples
    ] for samples in batch['unlabeled']['data_samples']]
    # MMEngine turns lists in items around: one list per place in the item.
    assert names == [['a.jpg', 'c.jpg'], ['b.jpg', 'd.jpg']]


def test_place_of_samples_in_items(stock, write_list):
    three = write_list('a\nb\nc\n')
    dataset = SemiSegDataset(
        stock(MASKS, ann_file=three), stock(), samples_per_item=(2, 1))
    names = [[
        os.path.basename(sample.img_path)
        for sample in dataset[index]['labeled']['data_samples']
    ] for index in range(len(dataset))]
    assert names == [['a.jpg', 'b.jpg'], ['c.jpg', 'a.jpg'],
                     ['b.jpg', 'c.jpg'], ['a.jpg', 'b.jpg']]
    last = dataset[-1]['unlabeled']['data_samples'].img_path
    assert os.path.basename(last) == 'd.jpg'
    with pytest.raises(IndexError, match='4 items'):
        dataset[4]


@pytest.mark.parametrize('part', ['labeled', 'unlabeled'])
def test_rejected_sample_is_named(stock, part):
    parts = dict(labeled=stock(MASKS), unlabeled=stock())
    parts[part] = Rejecting(DATASETS.build(parts[part]))
    dataset = SemiSegDataset(**parts)
    assert set(dataset[0]) == {'labeled', 'unlabeled'}
    with pytest.raises(ValueError, match=f'dataset.{part}` gave None .* 1'):
        dataset[1]


def test_pipeline_must_end_with_packing(stock):
    bare = stock(pipeline=[dict(type='LoadImageFromFile')])
    dataset = SemiSegDataset(stock(MASKS), bare)
    with pytest.raises(ValueError, match='unlabeled` lacks.*PackSegInputs'):
        dataset[0]


def test_part_that_is_no_dataset(stock):
    with pytest.raises(TypeError, match='dataset.unlabeled'):
        SemiSegDataset(stock(MASKS), 'images')


def test_stock_datasets_without_images(stock, folder):
    (folder / 'empty').mkdir()
    empty = dict(data_prefix=dict(img_path='empty', seg_map_path='masks'))
    with pytest.raises(ValueError, match='dataset.labeled` has no image'):
        SemiSegDataset(stock(MASKS, **empty), stock())
    dataset = SemiSegDataset(stock(MASKS), stock(**empty))
    assert set(dataset[0]) == {'labeled'}


def test_sizes_and_shared_images_are_logged_once(
        stock, write_list, printed):
    one = write_list('a\n', 'one.txt')
    dataset = SemiSegDataset(
        stock(MASKS, ann_file=one), stock(), samples_per_item=(1, 2))
    dataset.full_init()
    line = ('1 labelled and 4 unlabelled images (1 in both), 1 + 2 samples '
            'per item, 2 items')
    assert printed().count(line) == 1
