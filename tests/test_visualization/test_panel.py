# Copyright (c) prcl_mmseg authors. All rights reserved.
import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from prcl_mmseg.visualization import Panel, displayable
from prcl_mmseg.visualization.displayable import decode_displayable


def prediction(height: int = 20, width: int = 40, **maps) -> SegDataSample:
    logits = torch.zeros(3, height, width)
    logits[1, :, :10] = 5
    sample = SegDataSample()
    sample.seg_logits = PixelData(data=logits)
    sample.pred_sem_seg = PixelData(data=logits.argmax(0, keepdim=True))
    for name, data in maps.items():
        sample.set_data({name: PixelData(data=data)})
    return sample


def test_prediction_becomes_a_row():
    truth = torch.full((1, 20, 40), 255)
    truth[0, :, 30:] = 2
    var = torch.linspace(0, 1, 40).expand(1, 20, 40)
    image = torch.zeros(3, 10, 20, dtype=torch.uint8)
    image[0] = 200
    panel = Panel.from_sample(
        image, prediction(gt_sem_seg=truth, pred_variance=var), name='a.png')
    assert panel.image.shape == (20, 40, 3)
    # The first of three channels is blue.
    assert panel.image[5, 5].tolist() == [0, 0, 200]
    assert (panel.pseudo_label == (np.arange(40) < 10)).all()
    assert (panel.truth == truth[0].numpy()).all()
    np.testing.assert_allclose(panel.variance, var[0])
    assert panel.confidence[0, 0] == pytest.approx(0.9867, abs=1e-4)
    assert panel.confidence[0, 20] == pytest.approx(1 / 3)


def test_large_images_are_made_small_without_new_classes():
    panel = Panel.from_sample(
        np.zeros((200, 400, 3), np.uint8), prediction(200, 400), max_side=80)
    for data in (panel.image, panel.pseudo_label, panel.confidence):
        assert data.shape[:2] == (40, 80)
    assert set(np.unique(panel.pseudo_label)) == {0, 1}
    assert panel.truth is None and panel.variance is None


@pytest.mark.parametrize('image', [
    np.array([[0, 1000], [65535, 30]], np.uint16),
    torch.rand(1, 2, 2),
    torch.randint(0, 255, (7, 2, 2), dtype=torch.uint8),
])
def test_any_image_can_be_shown(image):
    shown = displayable(image)
    assert shown.dtype == np.uint8 and shown.shape == (2, 2, 3)
    assert shown.max() > shown.min()
    assert (shown[..., 0] == shown[..., 2]).all()


def test_channels_in_front_are_found():
    image = np.zeros((5, 20, 30), np.uint16)
    image[0, :, 15:] = 4000
    shown = displayable(image)
    assert shown.shape == (20, 30, 3)
    assert shown[0, 0].max() == 0 and shown[0, -1].min() == 255


def test_single_values_do_not_darken_the_rest():
    image = np.linspace(0, 100, 10000, dtype=np.float32).reshape(100, 100)
    image[0, 0], image[0, 1], image[0, 2] = 1e9, np.nan, np.inf
    assert displayable(image).mean() == pytest.approx(127, abs=2)
    assert displayable(np.full((4, 4), np.nan)).max() == 0


def test_limits_are_black_and_white():
    image = np.array([[50, 100]], np.float32)
    assert displayable(image, (0, 100))[0, :, 0].tolist() == [127, 255]


@pytest.mark.parametrize('channels', [1, 3, 4, 5])
def test_array_files_of_8_bits(tmp_path, channels):
    array = np.arange(48 * channels, dtype=np.uint8).reshape(6, 8, channels)
    # Red first, whatever comes first in the array.
    for stored in (array, array.transpose(2, 0, 1)):
        np.save(tmp_path / 'a.npy', stored)
        shown = decode_displayable((tmp_path / 'a.npy').read_bytes())
        assert shown.shape == (6, 8, 3)
        assert (shown[..., 0] == array[..., 0]).all()


@pytest.mark.parametrize('shape, depth', [
    ((6, 8, 3), np.uint8), ((6, 8), np.uint8), ((6, 8), np.uint16)])
def test_files_of_any_depth(tmp_path, shape, depth):
    rng = np.random.default_rng(0)
    image = rng.integers(0, np.iinfo(depth).max, shape).astype(depth)
    path = tmp_path / 'a.png'
    assert cv2.imwrite(str(path), image)
    shown = decode_displayable(path.read_bytes())
    assert shown.dtype == np.uint8 and shown.shape == (6, 8, 3)
    if depth == np.uint8:
        assert (shown[..., ::-1] == image.reshape(6, 8, -1)).all()
    else:
        assert shown.min() == 0 and shown.max() == 255
