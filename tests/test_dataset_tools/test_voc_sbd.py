# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Preparing Pascal VOC with SBD, on a small copy of their layout."""
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prcl_mmseg.datasets import read_split

scipy_io = pytest.importorskip('scipy.io')

TOOL = 'voc_sbd.py'
# VOC's train and val, SBD's train and val; SBD repeats most of VOC.
SETS = dict(
    voc_train=['2007_1', '2007_2', '2007_3'],
    voc_val=['2008_1', '2008_2'],
    sbd_train=['2007_1', '2008_1', '2009_1', '2009_2', '2009_3'],
    sbd_val=['2007_2', '2008_2', '2009_4'])


def mask_of(name: str, kind: str) -> np.ndarray:
    mask = np.zeros((12, 16), np.uint8)
    mask[2:8, 3:9] = 1 + sum(map(ord, name)) % 20
    if kind == 'voc':
        mask[1, 3:9] = 255
    return mask


@pytest.fixture
def roots(tmp_path):
    voc, sbd = tmp_path / 'VOC2012', tmp_path / 'dataset'
    for folder in ('JPEGImages', 'SegmentationClass',
                   'ImageSets/Segmentation'):
        (voc / folder).mkdir(parents=True)
    (sbd / 'cls').mkdir(parents=True)
    for name in sorted({name for part in SETS.values() for name in part}):
        Image.new('RGB', (16, 12)).save(voc / f'JPEGImages/{name}.jpg')
    for name in SETS['voc_train'] + SETS['voc_val']:
        image = Image.fromarray(mask_of(name, 'voc')).convert('P')
        image.putpalette(list(range(256)) * 3)
        image.save(voc / f'SegmentationClass/{name}.png')
    for name in SETS['sbd_train'] + SETS['sbd_val']:
        content = dict(
            Boundaries=np.zeros((20, 1)),
            Segmentation=mask_of(name, 'sbd'),
            CategoriesPresent=np.array([1, 2]))
        scipy_io.savemat(sbd / f'cls/{name}.mat', dict(GTcls=content))
    for name in ('train', 'val'):
        (voc / f'ImageSets/Segmentation/{name}.txt').write_text(
            '\n'.join(SETS[f'voc_{name}']))
        (sbd / f'{name}.txt').write_text('\n'.join(SETS[f'sbd_{name}']))
    return voc, sbd


def ids(path: Path) -> list:
    return [entry.image for entry in read_split(path)]


def test_masks_and_lists(roots, tmp_path, run_tool):
    lists = tmp_path / 'splits'
    result = run_tool(TOOL, *roots, '--out', tmp_path / 'out', '--lists',
                      lists, '--blended', '1/3', '--classic', '2')
    assert not result.failed, result.error
    # VOC's 3 and SBD's 8 less the 2 of VOC's val and 2 that both have.
    images = ['2007_1', '2007_2', '2007_3', '2009_1', '2009_2', '2009_3',
              '2009_4']
    assert ids(lists / 'voc/train_aug.txt') == images
    assert 'have 10582' in result.out
    for name in images + SETS['voc_val']:
        kind = 'sbd' if name.startswith('2009') else 'voc'
        with Image.open(
                tmp_path / f'out/SegmentationClassAug/{name}.png') as image:
            assert (np.array(image) == mask_of(name, kind)).all(), name
    blended = [ids(lists / f'blended/1-3/{part}.txt')
               for part in ('labeled', 'unlabeled')]
    assert len(blended[0]) == 2 and sorted(blended[0] + blended[1]) == images
    classic = [ids(lists / f'classic/2/{part}.txt')
               for part in ('labeled', 'unlabeled')]
    assert len(classic[0]) == 2 and set(classic[0]) < set(SETS['voc_train'])
    assert sorted(classic[0] + classic[1]) == images


def test_masks_of_sbd_on_request(roots, tmp_path, run_tool):
    result = run_tool(TOOL, *roots, '--out', tmp_path, '--lists',
                      tmp_path / 'splits', '--fine', 'sbd')
    assert not result.failed, result.error
    with Image.open(tmp_path / 'SegmentationClassAug/2007_1.png') as image:
        assert (np.array(image) == mask_of('2007_1', 'sbd')).all()


@pytest.mark.parametrize('spoil, message', [
    (lambda voc, sbd: (sbd / 'cls/2009_1.mat').write_bytes(b'no mat'),
     '2009_1.mat is no mask of SBD'),
    (lambda voc, sbd: (sbd / 'cls/2009_1.mat').unlink(),
     '2009_1.mat is listed, but does not exist'),
    (lambda voc, sbd: (sbd / 'train.txt').unlink(), 'train.txt'),
])
def test_spoilt_data_is_named(roots, tmp_path, run_tool, spoil, message):
    spoil(*roots)
    result = run_tool(TOOL, *roots, '--out', tmp_path, '--lists',
                      tmp_path / 'splits')
    assert result.failed and message in result.error


@pytest.mark.parametrize('arguments, message', [
    (['--classic', '0'], 'numbers from 1 to 3'),
    (['--classic', '4'], 'numbers from 1 to 3'),
    (['--blended', '4'], 'shares in (0, 1]'),
    (['--lists', 'VOC2012/splits'], "--lists 'VOC2012/splits/voc' lies"),
    (['--lists', 'old'], 'old/voc already holds train_aug.txt'),
    (['--lists', 'old', '--classic', '2'], 'already holds')])
def test_lists_are_checked_before_masks_are_written(
        roots, tmp_path, run_tool, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'old/voc').mkdir(parents=True)
    (tmp_path / 'old/voc/train_aug.txt').touch()
    result = run_tool(TOOL, 'VOC2012', 'dataset', '--out', 'out', '--lists',
                      'lists', *arguments)
    assert result.failed and message in result.error
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('name', ['../../stolen', '/tmp/stolen', 'a/b', '..'])
def test_nothing_is_written_outside(roots, tmp_path, run_tool, name):
    voc, sbd = roots
    before = set(tmp_path.rglob('*'))
    with (sbd / 'train.txt').open('a') as file:
        file.write(f'\n{name}\n')
    result = run_tool(TOOL, *roots, '--out', tmp_path / 'out', '--lists',
                      tmp_path / 'splits')
    assert result.failed and 'train.txt' in result.error
    assert repr(name.lstrip('/')) in result.error
    assert set(tmp_path.rglob('*')) == before


def test_links_are_replaced_and_not_what_they_lead_to(
        roots, tmp_path, run_tool):
    fine = roots[0] / 'SegmentationClass/2007_1.png'
    content = fine.read_bytes()
    masks = tmp_path / 'SegmentationClassAug'
    masks.mkdir()
    (masks / '2007_1.png').symlink_to(fine)
    result = run_tool(TOOL, *roots, '--out', tmp_path, '--lists',
                      tmp_path / 'splits', '--fine', 'sbd', '--overwrite')
    assert not result.failed, result.error
    assert fine.read_bytes() == content
    assert not (masks / '2007_1.png').is_symlink()
