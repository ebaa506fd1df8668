# Copyright (c) prcl_mmseg authors. All rights reserved.
import sys

import cv2
import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from PIL import Image

from prcl_mmseg.datasets import check_labels

WIDE = dict(type='LoadWideAnnotations')


def load_image(path, channels: int) -> np.ndarray:
    loader = TRANSFORMS.build(
        dict(type='LoadMultiChannelImage', channels=channels))
    results = loader(dict(img_path=str(path)))
    assert results['img_shape'] == results['ori_shape']
    return results['img']


@pytest.fixture
def bands() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 2**16, (6, 8, 5)).astype(np.uint16)


@pytest.mark.parametrize('first', [True, False])
def test_npy_files_of_any_channels(tmp_path, bands, first):
    np.save(tmp_path / 'a.npy', bands.transpose(2, 0, 1) if first else bands)
    image = load_image(tmp_path / 'a.npy', 5)
    assert image.dtype == np.float32 and image.flags.c_contiguous
    assert (image == bands).all()


@pytest.mark.parametrize('layout', ['contig', 'separate'])
def test_tiff_files_of_any_channels(tmp_path, bands, layout):
    tifffile = pytest.importorskip('tifffile')
    data = bands if layout == 'contig' else bands.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / 'a.tif', data, photometric='minisblack',
                     planarconfig=layout)
    assert (load_image(tmp_path / 'a.tif', 5) == bands).all()


def test_tiff_files_need_tifffile(tmp_path, monkeypatch):
    Image.new('L', (4, 4)).save(tmp_path / 'a.tif')
    monkeypatch.setitem(sys.modules, 'tifffile', None)
    with pytest.raises(ImportError, match='pip install tifffile'):
        load_image(tmp_path / 'a.tif', 1)


@pytest.mark.parametrize('suffix', ['npy', 'tif', 'png'])
@pytest.mark.parametrize('channels', [3, 4])
def test_channels_have_one_order_in_all_files(tmp_path, suffix, channels):
    """Three are blue first, which the preprocessor of a model turns back."""
    pytest.importorskip('tifffile')
    colours = np.array([10, 20, 30, 40], np.uint8)[:channels]
    image = np.broadcast_to(colours, (6, 8, channels))
    path = tmp_path / f'a.{suffix}'
    if suffix == 'npy':
        np.save(path, image)
    else:
        Image.fromarray(np.ascontiguousarray(image)).save(path)
    loaded = load_image(path, channels)
    preprocessor = MODELS.build(dict(
        type='MultiChannelSegDataPreProcessor', mean=colours.tolist(),
        std=[1] * channels, bgr_to_rgb=True))
    data = preprocessor(dict(
        inputs=[torch.from_numpy(loaded).permute(2, 0, 1)],
        data_samples=None))
    assert not data['inputs'].any()


def test_gray_images_of_16_bits(tmp_path, bands):
    cv2.imwrite(str(tmp_path / 'a.png'), bands[..., 0])
    image = load_image(tmp_path / 'a.png', 1)
    assert image.shape == (6, 8, 1) and (image == bands[..., :1]).all()


@pytest.mark.parametrize('content, message', [
    (None, 'has shape (6, 8, 5)'), (b'no array', 'cannot be read')
])
def test_images_that_do_not_fit_are_named(tmp_path, bands, content, message):
    np.save(tmp_path / 'a.npy', bands)
    if content is not None:
        (tmp_path / 'a.npy').write_bytes(content)
    with pytest.raises(ValueError) as error:
        load_image(tmp_path / 'a.npy', 4)
    assert 'a.npy' in str(error.value) and message in str(error.value)


def test_channels_is_a_count():
    with pytest.raises(ValueError, match='channels=0'):
        load_image('a.npy', 0)


def write_wide(folder, mask, names='abcd') -> None:
    mask = np.array(mask, np.uint16)
    for name in names:
        cv2.imwrite(str(folder / f'masks/{name}.png'), mask)
        cv2.imwrite(str(folder / f'images/{name}.jpg'),
                    np.zeros((*mask.shape, 3), np.uint8))


def test_labels_beyond_8_bits_are_found_and_mapped(folder, stock):
    write_wide(folder, [[0, 300], [300, 7000]])
    settings = dict(type='SplitSegDataset')
    plain = DATASETS.build(stock(dict(type='LoadAnnotations'), **settings))
    with pytest.raises(ValueError) as error:
        check_labels(plain, 2)
    for part in ('masks/a.png', 'uint16', '300', 'makes 44',
                 'LoadWideAnnotations', 'label_map'):
        assert part in str(error.value)
    mapped = DATASETS.build(
        stock(WIDE, label_map={300: 1, 7000: 255}, **settings))
    assert check_labels(mapped, 2).tolist() == [4, 8]
    unmapped = DATASETS.build(stock(WIDE, label_map={300: 1}, **settings))
    with pytest.raises(ValueError, match='7000.*label_map'):
        check_labels(unmapped, 2)


def test_wide_files_of_narrow_labels_are_fine(folder, stock):
    write_wide(folder, [[0, 1], [1, 255]])
    for loader in (dict(type='LoadAnnotations'), WIDE):
        assert check_labels(DATASETS.build(stock(loader)), 2).tolist() == [
            4, 8
        ]


@pytest.mark.parametrize('reduce', [True, False])
def test_same_labels_as_mmsegs_loader(folder, stock, reduce):
    write_wide(folder, [[0, 1, 2], [3, 254, 255]])
    labels = [
        DATASETS.build(
            stock(dict(type=kind), reduce_zero_label=reduce))
        [0]['data_samples'].gt_sem_seg.data
        for kind in ('LoadAnnotations', 'LoadWideAnnotations')
    ]
    assert labels[0].equal(labels[1])


def test_fractions_are_no_labels(folder, stock):
    array = np.full((20, 24), 0.5, np.float32)
    Image.fromarray(array).save(folder / 'masks/a.tif')
    settings = dict(type='SplitSegDataset', seg_map_suffix='.tif',
                    ann_file='one.txt')
    (folder / 'one.txt').write_text('a')
    for kind in ('LoadAnnotations', 'LoadWideAnnotations'):
        dataset = DATASETS.build(stock(dict(type=kind), **settings))
        with pytest.raises(ValueError, match=r'masks/a\.tif'):
            check_labels(dataset, 2)
