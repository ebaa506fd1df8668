# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import tiny
import torch
from mmengine.config import ConfigDict

from prcl_mmseg.models.adaptation import adapt_segmentor

SLIDE = dict(mode='slide', crop_size=40, stride=30)


def adapt(backbone: dict, crop: int, test_cfg: dict = None,
          **settings) -> tuple:
    """The adapted segmentor and its preprocessor."""
    segmentor = adapt_segmentor(
        tiny.segmentor(
            backbone=backbone,
            test_cfg=ConfigDict(test_cfg or dict(mode='whole')),
            **settings), 3, (crop, crop))
    return segmentor, segmentor['data_preprocessor']


def unet() -> dict:
    return dict(
        type='UNet',
        base_channels=4,
        num_stages=3,
        strides=(1, 1, 1),
        enc_num_convs=(1, 1, 1),
        dec_num_convs=(1, 1),
        downsamples=(True, True),
        enc_dilations=(1, 1, 1),
        dec_dilations=(1, 1),
        norm_cfg=tiny.BN)


def beit() -> dict:
    return tiny.beit(img_size=(64, 64), num_layers=2, out_indices=(0, 1))


def test_most_networks_take_the_crop_as_it_is():
    segmentor, preprocessor = adapt(
        tiny.segmentor()['backbone'], 33, SLIDE)
    assert preprocessor['size'] == (33, 33)
    assert 'test_cfg' not in preprocessor
    assert segmentor['test_cfg'] == dict(
        mode='slide', crop_size=(40, 40), stride=(30, 30))


@pytest.mark.parametrize('kind', ['DDRNet', 'PIDNet'])
def test_branches_meet_at_an_eighth(kind):
    _, preprocessor = adapt(dict(type=kind), 33)
    assert preprocessor['size'] == (40, 40)
    assert preprocessor['test_cfg'] == dict(size_divisor=8)


@pytest.mark.parametrize(
    'test_cfg', [dict(mode='whole'),
                 dict(SLIDE, crop_size=(38, 40))])
def test_unets_get_what_they_can_halve(test_cfg):
    segmentor, preprocessor = adapt(unet(), 33, test_cfg)
    assert preprocessor['size'] == (36, 36)
    assert preprocessor['test_cfg'] == dict(size_divisor=4)
    if test_cfg['mode'] == 'slide':
        assert segmentor['test_cfg']['crop_size'] == (40, 40)


def test_windows_set_beside_the_segmentor_are_fitted_too():
    head = tiny.fcn_head(in_channels=4, in_index=-1)
    model = tiny.build(
        'prcl',
        segmentor=tiny.segmentor(
            backbone=unet(), decode_head=head, auxiliary_head=None),
        crop_size=(36, 36),
        test_cfg=ConfigDict(SLIDE, crop_size=(38, 40)))
    for role in model.roles:
        assert model.network(role).test_cfg['crop_size'] == (40, 40)


def test_own_padding_of_test_images_is_kept():
    own = dict(
        type='SegDataPreProcessor', test_cfg=dict(size_divisor=64))
    _, preprocessor = adapt(unet(), 33, data_preprocessor=own)
    assert preprocessor['test_cfg'] == dict(size_divisor=64)


@pytest.mark.parametrize('backbone, divisor', [
    (dict(type='VisionTransformer', patch_size=14), 14),
    (dict(type='VisionTransformer'), 16),
    (dict(type='mmpretrain.VisionTransformer', patch_size=14), 14),
    # Passes its arguments on without naming them.
    (dict(type='mmpretrain.DistilledVisionTransformer'), 16),
    (dict(type='SwinTransformer', patch_size=4), 1),
])
def test_crops_are_whole_patches_of_a_vit(backbone, divisor):
    if backbone['type'].startswith('mmpretrain'):
        pytest.importorskip('mmpretrain.models')
    _, preprocessor = adapt(backbone, 321)
    assert preprocessor['size'] == (-(-321 // divisor) * divisor, ) * 2


def test_beit_takes_its_size_from_the_crop():
    segmentor, preprocessor = adapt(beit(), 43)
    assert segmentor['backbone']['img_size'] == (48, 48)
    assert segmentor['test_cfg'] == dict(
        mode='slide', crop_size=(48, 48), stride=(32, 32))
    assert preprocessor['test_cfg'] == dict(size=(48, 48))


@pytest.mark.parametrize('test_cfg', [dict(mode='whole'), SLIDE])
@pytest.mark.parametrize('backbone', [unet, beit])
@pytest.mark.parametrize('size', [(30, 75), (49, 50)])
def test_test_images_of_any_size_are_predicted(backbone, size, test_cfg):
    head = tiny.fcn_head(
        in_channels=16 if backbone is beit else 8, in_index=-1)
    if backbone is unet:
        head.update(in_channels=4)
    model = tiny.build(
        'prcl',
        segmentor=tiny.segmentor(
            backbone=backbone(),
            decode_head=head,
            auxiliary_head=None,
            test_cfg=ConfigDict(test_cfg)),
        crop_size=(43, 43))
    model.eval()
    image = torch.randint(256, (3, *size), dtype=torch.uint8)
    sample = tiny.samples(1, size, labeled=False)
    result = model.test_step(dict(inputs=[image], data_samples=sample))[0]
    assert result.pred_sem_seg.data.shape == (1, *size)
    assert result.pred_variance.data.shape == (1, *size)


def lraspp() -> dict:
    return dict(
        type='LRASPPHead',
        in_channels=(8, 8, 16),
        in_index=(0, 1, 2),
        channels=8,
        input_transform='multiple_select',
        num_classes=3)


@pytest.mark.parametrize('wrapped', [False, True])
def test_lraspp_needs_large_images(wrapped):
    backbone = dict(type='MobileNetV3', arch='large', out_indices=(1, 3, 16))
    head = lraspp()
    if wrapped:
        head = dict(type='ProbabilisticDecodeHead', head=head)
    with pytest.raises(ValueError, match=r'crop_size=\(384, 384\).*385'):
        adapt(backbone, 384, decode_head=head)
    _, preprocessor = adapt(backbone, 385, decode_head=head)
    assert preprocessor['test_cfg'] == dict(size=(385, 385))
