# Copyright (c) prcl_mmseg authors. All rights reserved.
import os

import cv2
import numpy as np
import pytest

from prcl_mmseg.datasets.image_file import write_image


@pytest.mark.parametrize('name, kind', [('a.png', np.uint8),
                                        ('ä b.png', np.uint16),
                                        ('a.tiff', np.float32)])
def test_what_is_written_can_be_read(tmp_path, name, kind):
    image = np.arange(12).reshape(3, 4).astype(kind)
    write_image(tmp_path / name, image)
    data = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
    assert (cv2.imdecode(data, cv2.IMREAD_UNCHANGED) == image).all()


def test_a_link_stays_or_is_replaced(tmp_path):
    (tmp_path / 'link.png').symlink_to('file.png')
    write_image(tmp_path / 'link.png', np.zeros((2, 2), np.uint8))
    assert (tmp_path / 'link.png').is_symlink()
    write_image(tmp_path / 'link.png', np.ones((2, 2), np.uint8),
                follow_links=False)
    assert not (tmp_path / 'link.png').is_symlink()
    assert not cv2.imread(str(tmp_path / 'file.png')).any()


def test_an_image_that_is_too_large_for_its_format(tmp_path):
    with pytest.raises(OSError, match=r'a.jpg can hold .* \(1, 70000\)'):
        write_image(tmp_path / 'a.jpg', np.zeros((1, 70000), np.uint8))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no /dev/full')
def test_a_full_disk_is_an_error(tmp_path):
    (tmp_path / 'a.png').symlink_to('/dev/full')
    with pytest.raises(OSError, match='No space left'):
        write_image(tmp_path / 'a.png', np.zeros((2, 2), np.uint8))
