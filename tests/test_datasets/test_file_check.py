# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Images that are cut off, empty or no images at all."""
import json
import os
import shutil

import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from prcl_mmseg.datasets import file_check
from prcl_mmseg.datasets.check_cache import CheckCache
from prcl_mmseg.datasets.file_check import check_files, shared_files

ARRAYS = dict(type='LoadMultiChannelImage', channels=5)


@pytest.fixture
def check(folder):
    """Look at all images of a folder."""

    def check(load: dict = dict(type='LoadImageFromFile'), **settings):
        dataset = DATASETS.build(
            dict(type='UnlabeledDataset', data_root=str(folder),
                 data_prefix=dict(img_path='images'), pipeline=[load],
                 img_suffix=settings.pop('img_suffix', None)))
        return check_files(dataset, 'unlabeled', **settings)

    return check


def encode(form: str, size=(64, 48)) -> bytes:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (*size, 3)).astype(np.uint8)
    return cv2.imencode(f'.{form}', image)[1].tobytes()


def test_whole_files(check, folder):
    for form in ('jpg', 'png', 'bmp', 'tif', 'webp'):
        (folder / f'images/x.{form}').write_bytes(encode(form))
    # Cameras leave zeros or notes behind the end.
    (folder / 'images/y.jpg').write_bytes(encode('jpg') + bytes(99))
    (folder / 'images/z.jpg').write_bytes(encode('jpg') + b'notes')
    looks, faults = check()
    assert len(looks) == 4 + 7 and not faults
    assert looks[f'{folder}/images/x.png'].size == len(encode('png'))


@pytest.mark.parametrize('form', ['jpg', 'png', 'bmp', 'tif', 'webp'])
@pytest.mark.parametrize('left', [0, 2, 60, 0.5, 0.99, -1])
def test_cut_files_are_named(check, folder, form, left):
    content = encode(form)
    left = int(left * len(content)) if isinstance(left, float) else left
    path = folder / f'images/x.{form}'
    path.write_bytes(content[:left])
    looks, faults = check()
    assert len(looks) == 4 and list(faults) == [str(path)]
    message = faults[str(path)]
    assert str(path) in message and 'Fetch the file again' in message
    assert left or 'is empty (0 bytes)' in message


@pytest.mark.parametrize('content', [b'<html>404</html>', b'\xff\xd8\xff',
                                     bytes(5000)])
def test_files_that_are_no_images(check, folder, content):
    (folder / 'images/x.jpg').write_bytes(content)
    assert 'LoadImageFromFile cannot read it' in ''.join(check()[1].values())


def test_what_lies_where_a_file_should_be(check, folder):
    os.symlink('nowhere.jpg', folder / 'images/x.jpg')
    stock = DATASETS.build(
        dict(type='BaseSegDataset', data_root=str(folder), ann_file='l.txt',
             data_prefix=dict(img_path='images'),
             pipeline=[dict(type='LoadImageFromFile')], lazy_init=True))
    (folder / 'l.txt').write_text('x\ny')
    faults = check_files(stock, 'unlabeled')[1]
    assert sorted(faults) == [f'{folder}/images/{n}.jpg' for n in 'xy']
    assert all('No such file' in fault for fault in faults.values())


def test_damage_in_the_middle_needs_decoding(check, folder):
    content = bytearray(encode('png'))
    content[len(content) // 2] ^= 255
    (folder / 'images/x.png').write_bytes(content)
    assert not check()[1]
    assert list(check(decode=True)[1]) == [f'{folder}/images/x.png']


def test_arrays(check, folder):
    tifffile = pytest.importorskip('tifffile')
    shutil.rmtree(folder / 'images')
    (folder / 'images').mkdir()
    array = np.zeros((6, 7, 5), np.uint16)
    np.save(folder / 'images/a.npy', array)
    assert not check(ARRAYS, img_suffix='.npy')[1]
    content = (folder / 'images/a.npy').read_bytes()
    (folder / 'images/b.npy').write_bytes(content[:-1])
    (folder / 'images/c.npy').write_bytes(b'')
    np.save(folder / 'images/d.npy', array[..., :4])
    np.save(folder / 'images/e.npy', np.array([dict()]))
    faults = check(ARRAYS, img_suffix='.npy')[1]
    assert [path[-5:] for path in sorted(faults)] == [
        f'{name}.npy' for name in 'bcde']
    assert 'channels=5' in faults[f'{folder}/images/d.npy']

    tifffile.imwrite(folder / 'images/a.tif', array.transpose(2, 0, 1))
    content = (folder / 'images/a.tif').read_bytes()
    (folder / 'images/b.tif').write_bytes(content[:400])
    tifffile.imwrite(folder / 'images/c.tif', array[..., :3])
    faults = check(ARRAYS, img_suffix='.tif')[1]
    assert [path[-5:] for path in sorted(faults)] == ['b.tif', 'c.tif']


def test_remote_files_are_left_alone(folder):
    load = dict(type='LoadImageFromFile', backend_args=dict(backend='petrel'))
    dataset = DATASETS.build(
        dict(type='UnlabeledDataset', data_root=str(folder),
             data_prefix=dict(img_path='images'), pipeline=[load]))
    looks, faults = check_files(dataset, 'unlabeled')
    assert len(looks) == 4 and not any(looks.values()) and not faults


def test_files_that_did_not_change_are_not_decoded_again(
        check, folder, tmp_path, monkeypatch):
    path = str(tmp_path / 'cache.json')
    # It may lack an end, but a reader takes it.
    (folder / 'images/x.jpg').write_bytes(encode('jpg') + b'notes')
    (folder / 'images/y.jpg').write_bytes(encode('jpg')[:-1])
    cache = CheckCache(path)
    first = check(cache=cache)
    cache.save()
    decoded = []
    load = file_check.load_image

    def look(loader, info):
        decoded.append(info['img_path'][-5:])
        return load(loader, info)

    monkeypatch.setattr(file_check, 'load_image', look)
    assert check(cache=CheckCache(path)) == first
    # A fault may have been mended elsewhere: it is looked at again.
    assert decoded == ['y.jpg']
    stat = os.stat(folder / 'images/x.jpg')
    os.utime(folder / 'images/x.jpg', ns=(0, stat.st_mtime_ns + 1))
    check(cache=CheckCache(path))
    assert decoded[1:] == ['x.jpg', 'y.jpg']
    cache = CheckCache(path)
    check(cache=cache, decode=True)
    assert len(decoded) == 3 + 6
    check(cache=cache, decode=True)
    assert decoded[9:] == ['y.jpg']


@pytest.mark.parametrize('content', [
    None, b'', b'[]', b'\xff', b'{"version": 1}', b'{"lists": {}}'])
def test_a_file_that_is_no_cache_is_left_alone(
        check, tmp_path, content, printed):
    path = tmp_path / 'cache.json'
    path.mkdir() if content is None else path.write_bytes(content)
    cache = CheckCache(str(path))
    assert len(check(cache=cache, decode=True)[0]) == 4
    cache.save()
    assert path.is_dir() if content is None else path.read_bytes() == content
    assert 'cache.json is no cache of data checks' in printed()


def test_a_cache_of_another_version_is_begun_anew(check, tmp_path):
    path = tmp_path / 'cache.json'
    path.write_text(json.dumps(dict(version=0, results=dict(image=1))))
    cache = CheckCache(str(path))
    check(cache=cache, decode=True)
    cache.save()
    assert len(CheckCache(str(path))._results) == 1
    assert [name for name in os.listdir(tmp_path)
            if name.startswith('cache')] == ['cache.json']


@pytest.mark.parametrize('content', [
    '{"version": 1, "results": {"kind": {"a.png": [1]}}}',
    '{"version": 1, "results": {"kind": 3}}',
    '{"version": 1, "results": [1]}', '[1]', '{"version": 1'
])
def test_a_damaged_cache_is_no_error(tmp_path, content):
    path = tmp_path / 'cache.json'
    path.write_text(content)
    assert CheckCache(str(path)).get('kind', ['a.png']) is None



def test_a_cache_that_cannot_be_written_is_no_error(check, tmp_path):
    cache = CheckCache(str(tmp_path / 'nowhere/cache.json'))
    check(cache=cache, decode=True)
    cache.save()
    assert not (tmp_path / 'nowhere').exists()


def test_same_images_have_the_same_content(check, folder):
    images = folder / 'images'
    shutil.copy(images / 'a.jpg', images / 'copy.jpg')
    os.symlink('b.jpg', images / 'link.jpg')
    os.link(images / 'c.jpg', images / 'hard.jpg')
    Image.new('RGB', (9, 9)).save(images / 'e.png')
    looks = {path[len(str(images)) + 1:]: look
             for path, look in check()[0].items()}
    some = {str(images / n): looks[n] for n in 'a.jpg b.jpg c.jpg'.split()}
    others = {str(images / n): looks[n] for n in (
        'copy.jpg', 'link.jpg', 'hard.jpg', 'd.jpg', 'e.png', 'a.jpg')}
    assert [(one[-5:], other.split('/')[-1])
            for one, other in shared_files(some, others)] == [
        ('a.jpg', 'a.jpg'), ('b.jpg', 'link.jpg'), ('c.jpg', 'hard.jpg')]
