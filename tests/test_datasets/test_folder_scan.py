# Copyright (c) prcl_mmseg authors. All rights reserved.
import os

import pytest
from mmseg.registry import DATASETS

from prcl_mmseg.datasets.folder_scan import scan_folder

MASKS = dict(type='LoadAnnotations')


@pytest.fixture
def tree(tmp_path):
    for name in ('a.jpg', 'b/c.jpg', 'b/d.txt', '.e.jpg', '.f/g.jpg'):
        path = tmp_path / 'tree' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / 'tree'


def names(tree, suffixes=('.jpg', )) -> list:
    return [os.path.relpath(path, tree)
            for path in scan_folder(str(tree), suffixes)]


def test_files_below_a_folder(tree):
    assert names(tree) == ['a.jpg', 'b/c.jpg']
    assert names(tree, ('.jpg', '.txt')) == ['a.jpg', 'b/c.jpg', 'b/d.txt']


def test_links_are_followed_but_not_in_circles(tree, tmp_path):
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other/h.jpg').touch()
    os.symlink(tmp_path / 'other', tree / 'other')
    os.symlink('..', tree / 'b/up')
    os.symlink(tree, tmp_path / 'other/back')
    os.symlink('self.jpg', tree / 'self.jpg')
    os.symlink('nowhere', tree / 'lost.jpg')
    assert names(tree) == ['a.jpg', 'b/c.jpg', 'lost.jpg', 'other/h.jpg',
                           'self.jpg']


@pytest.mark.parametrize('kind', ['UnlabeledDataset', 'SplitSegDataset'])
def test_datasets_of_a_folder_with_a_circle(stock, folder, kind):
    (folder / 'images/more').mkdir()
    os.symlink('..', folder / 'images/more/up')
    os.symlink('.', folder / 'images/here')
    masks = [MASKS] if kind == 'SplitSegDataset' else []
    dataset = DATASETS.build(stock(*masks, type=kind))
    assert [os.path.relpath(dataset.get_data_info(i)['img_path'], folder)
            for i in range(len(dataset))] == [
        f'images/{name}.jpg' for name in 'abcd']


def test_a_link_that_leads_nowhere_is_a_missing_file(stock, folder):
    os.symlink('nowhere.jpg', folder / 'images/x.jpg')
    with pytest.raises(FileNotFoundError, match='1 of 5 images.*x.jpg'):
        DATASETS.build(stock(type='UnlabeledDataset'))


def test_listed_images_are_left_out(stock, folder, printed):
    (folder / 'val.txt').write_text('images/a.jpg masks/a.png\nimages/b.jpg')
    (folder / 'test.txt').write_text('c')
    os.symlink('b.jpg', folder / 'images/link.jpg')

    def images(**settings) -> str:
        dataset = DATASETS.build(stock(type='UnlabeledDataset', **settings))
        return ' '.join(
            os.path.basename(dataset.get_data_info(i)['img_path'])[:-4]
            for i in range(len(dataset)))

    assert images() == images(exclude='') == 'a b c d link'
    assert images(exclude='val.txt') == 'c d'
    assert '3 of 5 images are left out, since val.txt' in printed()
    assert images(exclude=['val.txt', '', 'test.txt']) == 'd'
    assert images(exclude='test.txt', ann_file='val.txt') == 'a b'
    with pytest.raises(FileNotFoundError, match='nowhere.txt.*`exclude`'):
        images(exclude='nowhere.txt')
