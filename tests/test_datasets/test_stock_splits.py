# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Each reads with lists what mmseg's class finds in the folders."""
import pickle
from pathlib import Path

import pytest
from mmseg.registry import DATASETS

from prcl_mmseg import datasets
from prcl_mmseg.datasets.stock_splits import STOCK

KINDS = [pytest.param(kind, stock, id=stock.__name__)
         for kind, stock in STOCK.items()]


def infos(kind: type, root: Path, ann_file: str) -> list:
    dataset = kind(
        data_root=str(root), ann_file=ann_file, pipeline=[],
        data_prefix=dict(img_path='i', seg_map_path='m'))
    keys = ('img_path', 'seg_map_path', 'reduce_zero_label', 'label_map')
    return [{key: dataset.get_data_info(index)[key] for key in keys}
            for index in range(len(dataset))]


@pytest.mark.parametrize('kind, stock', KINDS)
@pytest.mark.parametrize('form', ['{id}', 'i/{image}', 'i/{image} m/{mask}'])
def test_the_same_images_masks_and_labels(kind, stock, form, tmp_path):
    # mmseg's class knows lists of ids only.
    (tmp_path / 'ids.txt').write_text('a\nb\n')
    suffixes = stock(data_root=str(tmp_path), ann_file='ids.txt',
                     lazy_init=True)
    lines = []
    for name in 'ab':
        names = dict(id=name, image=name + suffixes.img_suffix,
                     mask=name + suffixes.seg_map_suffix)
        for folder, file in (('i', 'image'), ('m', 'mask')):
            path = tmp_path / folder / names[file]
            path.parent.mkdir(exist_ok=True)
            path.touch()
        lines.append(form.format(**names))
    (tmp_path / 'list.txt').write_text('\n'.join(lines))
    expected = infos(stock, tmp_path, 'ids.txt')
    assert infos(kind, tmp_path, 'list.txt') == expected
    assert kind.METAINFO == stock.METAINFO


@pytest.mark.parametrize('kind, stock', KINDS)
def test_configs_and_workers_find_it(kind, stock):
    assert DATASETS.get(kind.__name__) is kind
    assert pickle.loads(pickle.dumps(kind)) is kind
    assert getattr(datasets, kind.__name__) is kind


def test_names():
    names = {kind.__name__ for kind in STOCK}
    assert {'SplitVOCDataset', 'SplitCityscapesDataset', 'SplitADE20KDataset',
            'SplitCOCOStuffDataset', 'SplitLoveDADataset',
            'SplitPotsdamDataset'} <= names
    # They read depth, volumes or other lists.
    assert not {'SplitNYUDataset', 'SplitDecathlonDataset'} & names
