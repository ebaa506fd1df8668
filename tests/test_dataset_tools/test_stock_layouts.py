# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The ready data set configs read the layouts that they describe.

Each layout is made small, split by the tool as the documentation says, and
read through the config.
"""
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmseg.registry import DATASETS

from prcl_mmseg.datasets import check_labels

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
# Config: (images, masks, their names; first and last value of the masks,
# and of the labels that come out).
LAYOUTS = dict(
    ade20k=('prcl/prcl_r101_ade20k_1-16', 'images/training/ADE_train_{}.jpg',
            'annotations/training/ADE_train_{}.png',
            'images/validation/ADE_val_{}.jpg',
            'annotations/validation/ADE_val_{}.png', (0, 150), (255, 149)),
    coco=('prcl/prcl_r101_coco_stuff164k_1-32', 'images/train2017/{}.jpg',
          'annotations/train2017/{}_labelTrainIds.png',
          'images/val2017/{}.jpg',
          'annotations/val2017/{}_labelTrainIds.png', (0, 170), (0, 170)),
    loveda=('_base_/datasets/loveda_semi', 'img_dir/train/{}.png',
            'ann_dir/train/{}.png', 'img_dir/val/{}.png',
            'ann_dir/val/{}.png', (0, 7), (255, 6)),
    cityscapes=('prcl/prcl_r101_cityscapes_1-16',
                'leftImg8bit/train/ulm/ulm_{}_leftImg8bit.png',
                'gtFine/train/ulm/ulm_{}_gtFine_labelTrainIds.png',
                'leftImg8bit/val/lindau/lindau_{}_leftImg8bit.png',
                'gtFine/val/lindau/lindau_{}_gtFine_labelTrainIds.png',
                (255, 18), (255, 18)))


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), array)


def make_layout(root: Path, layout: tuple) -> None:
    _, image, mask, val_image, val_mask, values, _ = layout
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:4], pixels[4:] = values
    for index in range(6):
        write(root / image.format(index), np.zeros((8, 8, 3), np.uint8))
        write(root / mask.format(index), pixels)
    write(root / val_image.format(9), np.zeros((8, 8, 3), np.uint8))
    write(root / val_mask.format(9), pixels)


@pytest.mark.parametrize('name', LAYOUTS)
def test_split_and_read(run_tool, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    layout = LAYOUTS[name]
    split_and_read(run_tool, CONFIGS / f'{layout[0]}.py', layout)


def test_another_data_set(run_tool, tmp_path, monkeypatch):
    """By the lines that the page changes in the file of LoveDA."""
    monkeypatch.chdir(tmp_path)
    file = CONFIGS / '_base_/datasets/loveda_semi.py'
    text = file.read_text().replace("'./", f"'{file.parent}/")
    page = (CONFIGS.parent / 'docs/datasets.md').read_text()
    block, = re.findall(r'^```py\n(.*?)^```', page, re.DOTALL | re.MULTILINE)
    for line in block.splitlines():
        name = line.split(' = ')[0]
        text, count = re.subn(rf'^{name} = .*', line, text, flags=re.MULTILINE)
        assert count == 1, line
    Path('my_potsdam.py').write_text(text)
    layout = (*LAYOUTS['loveda'][:-2], (0, 6), (255, 5))
    split_and_read(run_tool, Path('my_potsdam.py'), layout)


def split_and_read(run_tool, path: Path, layout: tuple) -> None:
    cfg = Config.fromfile(path)
    make_layout(Path(cfg.data_root), layout)
    labeled = cfg.train_dataloader.dataset.labeled.ann_file
    result = run_tool('semi_splits.py', 'make', '--config', path, '--count',
                      '2', '--out', Path(labeled).parent)
    assert not result.failed, result.error
    result = run_tool('semi_splits.py', 'check', '--config', path)
    assert not result.failed, result.out + result.error
    first, last = layout[-1]
    semi = DATASETS.build(cfg.train_dataloader.dataset)
    assert len(semi.labeled) == 2 and len(semi.unlabeled) == 4
    assert semi[0]['labeled']['inputs'].shape[0] == 3
    val = DATASETS.build(cfg.val_dataloader.dataset)
    label = val[0]['data_samples'].gt_sem_seg.data
    assert label.shape == (1, 8, 8)
    assert label.unique().tolist() == sorted((first, last))
    pixels = np.zeros(cfg.num_classes, int)
    for value in (first, last):
        if value != 255:
            pixels[value] = 2 * 32
    assert (check_labels(semi.labeled, cfg.num_classes) == pixels).all()


def test_published_lists_of_cityscapes_without_masks(tmp_path, monkeypatch):
    """A list may name the images alone, by their path or their id."""
    layout = LAYOUTS['cityscapes']
    cfg = Config.fromfile(CONFIGS / f'{layout[0]}.py')
    monkeypatch.chdir(tmp_path)
    make_layout(tmp_path / cfg.data_root, layout)
    labeled = cfg.train_dataloader.dataset.labeled
    for text in ('leftImg8bit/train/ulm/ulm_0_leftImg8bit.png', 'ulm/ulm_0'):
        Path('list.txt').write_text(text)
        dataset = DATASETS.build(dict(labeled, ann_file='list.txt'))
        assert check_labels(dataset, 19).sum() == 32
