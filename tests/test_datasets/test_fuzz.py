# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Any list, image, mask or array: a result, or an error that names the file.

PRCL_MMSEG_FUZZ_EXAMPLES sets how many of each kind are tried; the default is
small, and always the same.
"""
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS

from prcl_mmseg.datasets import LoadMultiChannelImage, SplitEntry, read_split
from prcl_mmseg.datasets.file_check import check_files
from prcl_mmseg.datasets.label_check import survey_labels
from prcl_mmseg.datasets.split_list import format_entry

hypothesis = pytest.importorskip('hypothesis')
st = hypothesis.strategies
npst = pytest.importorskip('hypothesis.extra.numpy')

EXAMPLES = os.environ.get('PRCL_MMSEG_FUZZ_EXAMPLES')
fuzz = hypothesis.settings(
    max_examples=int(EXAMPLES or 100),
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck))

# Letters that lists give a meaning to, and such as look like it.
LETTERS = '\t\r\n\v\f\x1c\x85\u2028\ufeff\xa0\u3000\0"\\\'/,;.#% aAéß\u0130'
NAMES = st.lists(
    st.sampled_from([*LETTERS, 'None', '.jpg', '.PNG', '.tiff', '..', '\ud800']
                    ) | st.characters(), max_size=8).map(''.join)
LABELS = st.sampled_from(['uint8', 'bool', 'uint16', 'float32'])
SHAPES = npst.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=5)


@pytest.fixture(scope='module')
def root() -> Path:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / 'images').mkdir()
        (Path(folder) / 'masks').mkdir()
        yield Path(folder)


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """The content, maybe with a piece replaced."""
    if not draw(st.booleans()):
        return content
    start = draw(st.integers(0, len(content)))
    end = draw(st.integers(start, len(content)))
    return content[:start] + draw(st.binary(max_size=6)) + content[end:]


def encode(form: str, array: np.ndarray) -> bytes:
    """An image file, empty if the format cannot hold the array."""
    try:
        done, content = cv2.imencode(f'.{form}', array)
        return content.tobytes() if done else b''
    except cv2.error:
        return b''


@fuzz
@hypothesis.given(st.binary(max_size=40) | NAMES.map(
    lambda text: text.encode(errors='replace')))
def test_any_bytes_as_a_list(root, content):
    path = root / 'list.txt'
    path.write_bytes(content)
    try:
        for image, mask in read_split(path):
            assert image and mask != ''
            assert not image.startswith('/')
    except ValueError as error:
        assert str(path) in str(error)


@fuzz
@hypothesis.given(
    st.lists(st.builds(SplitEntry, NAMES, st.none() | NAMES), max_size=5,
             unique_by=lambda entry: entry.image))
def test_lists_are_read_as_they_were_written(root, entries):
    lines, kept = [], []
    for entry in entries:
        try:
            lines.append(format_entry(entry))
            kept.append(entry)
        except ValueError as error:
            assert 'Rename the files' in str(error)
    path = root / 'list.txt'
    path.write_bytes(''.join(f'{line}\n' for line in lines).encode())
    assert read_split(path) == kept


@fuzz
@hypothesis.given(st.data())
def test_any_mask(root, data):
    dtype = data.draw(LABELS)
    array = data.draw(npst.arrays(dtype, SHAPES))
    array = array.astype('uint8') if dtype == 'bool' else array
    form = data.draw(st.sampled_from(['png', 'tiff', 'bmp', 'jpg', 'pgm']))
    content = data.draw(damaged(encode(form, array)) | st.binary(max_size=9))
    (root / 'masks/a.png').write_bytes(content)
    size = data.draw(st.just(array.shape[:2]) | st.just((2, 3)))
    cv2.imwrite(str(root / 'images/a.jpg'), np.zeros((*size, 3), np.uint8))
    loader = dict(
        type=data.draw(st.sampled_from(['LoadAnnotations',
                                        'LoadWideAnnotations'])),
        imdecode_backend=data.draw(st.sampled_from(['cv2', 'pillow'])))
    dataset = DATASETS.build(dict(
        type='SplitSegDataset', data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        metainfo=dict(classes=('no', 'yes')), serialize_data=False,
        reduce_zero_label=data.draw(st.booleans()),
        label_map=data.draw(st.sampled_from([None, {255: 1}, {7: 0}])),
        pipeline=[dict(type='LoadImageFromFile'), loader]))
    survey = survey_labels(dataset, 2)
    for path, fault in survey.faults.items():
        assert path in fault
    assert survey.faults or survey.pixels.sum() <= size[0] * size[1]


@fuzz
@hypothesis.given(st.data())
def test_any_image(root, data):
    array = data.draw(npst.arrays('uint8', (7, 6, 3), fill=st.just(9)))
    form = data.draw(st.sampled_from(['jpg', 'png', 'bmp', 'webp', 'tiff']))
    content = encode(form, array)
    path = root / f'images/b.{form}'
    path.write_bytes(data.draw(damaged(content) | st.binary(max_size=9)))
    check(root, path, data.draw(st.booleans()),
          dict(type='LoadImageFromFile',
               imdecode_backend=data.draw(st.sampled_from(['cv2',
                                                           'pillow']))))


@fuzz
@hypothesis.given(st.data())
def test_any_array(root, data):
    array = data.draw(npst.arrays(
        npst.scalar_dtypes(), npst.array_shapes(min_dims=0, max_dims=4,
                                                min_side=0, max_side=5)))
    path = root / f'images/c.{data.draw(st.sampled_from(["npy", "tif"]))}'
    if path.suffix == '.npy':
        np.save(path, array)
    else:
        tifffile = pytest.importorskip('tifffile')
        try:
            tifffile.imwrite(path, array)
        except Exception:
            hypothesis.reject()
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    whole = check(root, path, data.draw(st.booleans()),
                  dict(type='LoadMultiChannelImage', channels=3))
    try:
        image = LoadMultiChannelImage(3)(dict(img_path=str(path)))['img']
    except ValueError as error:
        assert str(path) in str(error)
    else:
        assert whole and image.shape[2] == 3 and image.dtype == np.float32


def check(root: Path, path: Path, decode: bool, loader: dict) -> bool:
    """Check an image; whether it is usable."""
    dataset = DATASETS.build(dict(
        type='UnlabeledDataset', data_root=str(root), pipeline=[loader],
        data_prefix=dict(img_path='images'), img_suffix=path.name,
        serialize_data=False))
    looks, faults = check_files(dataset, 'unlabeled', decode=decode)
    assert [*looks, *faults] == [str(path)]
    for fault in faults.values():
        assert str(path) in fault
    return not faults
