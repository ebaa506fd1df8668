# Copyright (c) prcl_mmseg authors. All rights reserved.
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from prcl_mmseg.visualization import Panel, displayable


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
