# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Backbones of timm by their names."""
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from model_check import check_model

from prcl_mmseg.models.adaptation import adapt_segmentor
from prcl_mmseg.models.adaptation.timm_levels import find_levels, normalization

pytest.importorskip('timm')
pytest.importorskip('mmpretrain')
CONFIGS = Path(__file__).resolve().parents[3] / 'configs/_base_'


def config_of(file: str, model_name: str, **backbone) -> dict:
    model = Config.fromfile(CONFIGS / f'models/{file}_timm.py').model
    model.backbone.update(model_name=model_name, pretrained=False, **backbone)
    return model


def adapted(file: str, model_name: str, **backbone) -> dict:
    init_default_scope('mmseg')
    return adapt_segmentor(
        config_of(file, model_name, **backbone), 5, (64, 64))


# A pyramid, a plain ViT, channels behind, a ViT of 14 pixels.
@pytest.mark.parametrize('name', [
    'test_resnet', 'test_vit', 'mambaout_femto', 'test_efficientnet',
    'swin_s3_tiny_224', 'vit_tiny_patch16_224'])
def test_maps_are_as_told(name):
    init_default_scope('mmseg')
    levels = find_levels(name, {})
    backbone = MODELS.build(dict(
        type='mmpretrain.TIMMBackbone', model_name=name, features_only=True,
        out_indices=levels.out_indices, **levels.options))
    backbone.eval()
    with torch.no_grad():
        maps = backbone(torch.rand(1, 3, 224, 224))
    assert tuple(data.shape[1] for data in maps) == levels.channels
    assert [(224 // data.shape[2], 224 // data.shape[3])
            for data in maps] == [(stride, ) * 2 for stride in levels.strides]
    assert levels.is_plain == ('vit' in name)
    assert levels.is_plain or levels.strides == (4, 8, 16, 32)


@pytest.mark.parametrize('file', ['fpn', 'segformer', 'deeplabv3plus'])
# Four maps, a plain ViT, three maps.
@pytest.mark.parametrize('name', ['test_resnet', 'test_vit', 'shvit_s1'])
def test_networks_train_predict_and_export(file, name):
    method = Config.fromfile(CONFIGS / 'methods/prcl.py').method
    result = check_model(config_of(file, name), method, (45, 45), 5)
    assert result['reason'] is None
    assert result['export']
    # DeepLabV3+ reads two of the maps.
    unused = 2 if (file, name) == ('deeplabv3plus', 'test_vit') else 0
    assert result['unused'] == unused


def test_what_is_filled_in():
    cfg = adapted('fpn', 'test_resnet')
    channels = list(find_levels('test_resnet', {}).channels)
    assert cfg['neck']['in_channels'] == channels
    assert cfg['decode_head']['in_channels'] == [256] * 4
    cfg = adapted('deeplabv3plus', 'test_resnet')
    assert cfg['decode_head']['in_channels'] == channels[3]
    assert cfg['decode_head']['c1_in_channels'] == channels[0]
    # Some pyramids take no other sizes.
    cfg = adapt_segmentor(config_of('fpn', 'test_resnet'), 5, (65, 96))
    assert cfg['data_preprocessor']['size'] == (96, 96)
    assert cfg['data_preprocessor']['test_cfg'] == dict(size_divisor=32)
    cfg = adapted('fpn', 'vit_tiny_patch16_224')
    assert cfg['data_preprocessor']['test_cfg'] == dict(size_divisor=16)
    assert cfg['backbone']['out_indices'] == (2, 5, 8, 11)
    assert cfg['neck']['type'] == 'Feature2Pyramid'
    assert cfg['decode_head']['in_channels'] == [192] * 4


def test_fewer_than_four_maps():
    assert find_levels('shvit_s1', {}).strides == (16, 32, 64)
    assert find_levels('sequencer2d_s', {}).strides == (7, 14)
    cfg = adapted('fpn', 'shvit_s1')
    assert cfg['neck']['num_outs'] == 3
    assert cfg['decode_head']['in_index'] == [0, 1, 2]
    assert cfg['decode_head']['feature_strides'] == [4, 8, 16]
    assert cfg['data_preprocessor']['size'] == (64, 64)
    cfg = adapted('deeplabv3plus', 'shvit_s1')
    assert cfg['decode_head']['in_index'] == 2


# A pyramid, a plain ViT.
@pytest.mark.parametrize('name', ['pit_ti_224', 'gmlp_ti16_224'])
def test_networks_for_images_of_one_size(name):
    cfg = adapt_segmentor(config_of('fpn', name), 5, (45, 70))
    size = (64, 96) if name == 'pit_ti_224' else (48, 80)
    assert cfg['backbone']['img_size'] == size
    assert cfg['data_preprocessor']['size'] == size
    assert cfg['data_preprocessor']['test_cfg'] == dict(size=size)
    assert cfg['test_cfg']['mode'] == 'slide'
    assert cfg['test_cfg']['crop_size'] == size
    method = Config.fromfile(CONFIGS / 'methods/prcl.py').method
    result = check_model(config_of('fpn', name), method, (45, 45), 5)
    assert result['reason'] is None
    assert result['export']
    # Whoever gives a size wants it.
    cfg = adapt_segmentor(
        config_of('fpn', name, img_size=224), 5, (224, 224))
    assert cfg['backbone']['img_size'] == 224


def test_weights_for_images_of_another_size(tmp_path):
    import timm
    file = tmp_path / 'weights.pth'
    torch.save(timm.create_model('gmlp_ti16_224').state_dict(), file)
    model = config_of('fpn', 'gmlp_ti16_224',
                      pretrained_cfg_overlay=dict(file=str(file)))
    model.backbone.pretrained = True
    method = Config.fromfile(CONFIGS / 'methods/supervised.py').method
    build = dict(segmentor=model, num_classes=5, **method)
    with pytest.raises(ValueError, match=r'do not fit its blocks.0.* for '
                       r'images of one size. .* crops to \(224, 224\)'):
        MODELS.build(dict(build, crop_size=(96, 96)))
    MODELS.build(dict(build, crop_size=(224, 224)))
    # As where there is no connection.
    model.backbone.pretrained_cfg_overlay.file = str(tmp_path / 'none.pth')
    with pytest.raises(ValueError, match='cannot be had .*, or start '
                       'without weights by .*pretrained=False'):
        MODELS.build(dict(build, crop_size=(224, 224)))


def test_networks_for_any_size_get_none():
    for name in ('test_resnet', 'test_vit', 'swin_s3_tiny_224'):
        assert 'img_size' not in adapted('fpn', name)['backbone']


# The ResNet in it, unlike a plain ViT, does not pad to whole patches.
def test_hybrids_get_whole_patches():
    method = Config.fromfile(CONFIGS / 'methods/prcl.py').method
    result = check_model(
        config_of('fpn', 'vit_tiny_r_s16_p8_224'), method, (45, 45), 5)
    assert result['reason'] is None


def test_normalization():
    """Of ImageNet, and of networks that were trained otherwise."""
    cfg = adapted('fpn', 'resnet18')
    assert cfg['data_preprocessor']['mean'] == [123.675, 116.28, 103.53]
    assert cfg['data_preprocessor']['std'] == [58.395, 57.12, 57.375]
    assert normalization('vit_base_patch16_224') == dict(
        mean=[127.5] * 3, std=[127.5] * 3)


def test_what_the_config_gives_remains():
    model = config_of('fpn', 'test_resnet', out_indices=(0, 1, 2, 3))
    model.data_preprocessor.update(mean=[1.] * 3, std=[2.] * 3)
    cfg = adapt_segmentor(model, 5, (64, 64))
    assert cfg['backbone']['out_indices'] == (0, 1, 2, 3)
    assert cfg['data_preprocessor']['mean'] == [1.] * 3
    model.neck.in_channels = [9, 9, 9, 9]
    cfg = adapt_segmentor(model, 5, (64, 64))
    assert cfg['neck']['in_channels'] == [9, 9, 9, 9]
    # Gray images: what the mean is, nobody knows.
    model = config_of('fpn', 'test_resnet', in_channels=1)
    assert 'mean' not in adapt_segmentor(model, 5)['data_preprocessor']


@pytest.mark.parametrize('name, words', [
    ('convnext_tinny', "no such model; similar names are .*convnext_tiny"),
    ('crossvit_tiny_240', r'strides \[12, 12, 12, 17, 17, 17\]'),
    ('test_resnet', r'\(7,\) cannot be taken'),
])
def test_what_does_not_fit_is_told(name, words):
    options = dict(out_indices=(7, )) if name == 'test_resnet' else {}
    with pytest.raises(ValueError, match=words) as caught:
        adapted('fpn', name, **options)
    assert 'model.segmentor.backbone.model_name' in str(caught.value)


def test_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(ImportError, match='pip install timm'):
        find_levels('resnet18', {})
    with pytest.raises(ImportError, match='pip install timm'):
        normalization('resnet18')
