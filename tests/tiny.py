# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Segmentors and batches small enough for unit tests."""
from pathlib import Path

import cv2
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config, ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import MODELS, TRANSFORMS
from mmseg.structures import SegDataSample

METHODS = Path(__file__).parents[1] / 'configs/_base_/methods'

BN = dict(type='BN')
NUM_CLASSES = 3


@TRANSFORMS.register_module()
class ReadsFiles(BaseTransform):
    """A loader of the user's whose name does not say so."""

    def transform(self, results: dict) -> dict:
        results['img'] = cv2.imread(results['img_path'])
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results


def fcn_head(**settings) -> dict:
    return {
        **dict(
            type='FCNHead',
            in_channels=16,
            in_index=1,
            channels=8,
            num_convs=1,
            concat_input=False,
            dropout_ratio=0,
            num_classes=NUM_CLASSES,
            norm_cfg=BN,
            loss_decode=dict(type='CrossEntropyLoss')),
        **settings
    }


def segmentor(**settings) -> dict:
    return {
        **dict(
            type='EncoderDecoder',
            data_preprocessor=dict(
                type='SegDataPreProcessor',
                mean=[127.] * 3,
                std=[60.] * 3,
                pad_val=0,
                seg_pad_val=255),
            backbone=dict(
                type='ResNet',
                depth=18,
                num_stages=2,
                strides=(1, 2),
                dilations=(1, 1),
                base_channels=8,
                stem_channels=8,
                out_indices=(0, 1),
                norm_cfg=BN),
            decode_head=fcn_head(),
            auxiliary_head=fcn_head(in_channels=8, in_index=0),
            train_cfg=dict(),
            test_cfg=ConfigDict(mode='whole')),
        **settings
    }


def beit(**settings) -> dict:
    """Config of a backbone of transformer blocks."""
    return dict(
        dict(
            type='BEiT',
            patch_size=8,
            embed_dims=16,
            num_heads=2,
            init_values=0.1), **settings)


def cascade() -> dict:
    ocr = dict(
        type='OCRHead',
        in_channels=16,
        in_index=1,
        channels=8,
        ocr_channels=8,
        dropout_ratio=0,
        num_classes=NUM_CLASSES,
        norm_cfg=BN,
        loss_decode=dict(type='CrossEntropyLoss'))
    return segmentor(
        type='CascadeEncoderDecoder',
        num_stages=2,
        decode_head=[fcn_head(), ocr],
        auxiliary_head=None)


def segmenter_head() -> dict:
    return dict(
        type='SegmenterMaskTransformerHead',
        in_channels=16,
        in_index=1,
        channels=16,
        num_classes=NUM_CLASSES,
        num_layers=1,
        num_heads=2,
        embed_dims=12,
        dropout_ratio=0.0,
        loss_decode=dict(type='CrossEntropyLoss'))


def point_rend() -> dict:
    """A cascade whose last head classifies sampled points only."""
    point = dict(
        type='PointHead',
        in_channels=[8],
        in_index=[0],
        channels=8,
        num_fcs=1,
        dropout_ratio=-1,
        num_classes=NUM_CLASSES,
        loss_decode=dict(type='CrossEntropyLoss'))
    return segmentor(
        type='CascadeEncoderDecoder',
        num_stages=2,
        decode_head=[fcn_head(), point],
        auxiliary_head=None,
        train_cfg=ConfigDict(
            num_points=20, oversample_ratio=3, importance_sample_ratio=0.75),
        test_cfg=ConfigDict(
            mode='whole',
            subdivision_steps=2,
            subdivision_num_points=30,
            scale_factor=2))


def samples(num: int,
            size: tuple = (32, 32),
            labeled: bool = True,
            classes: int = NUM_CLASSES) -> list:
    result = []
    for _ in range(num):
        sample = SegDataSample(
            metainfo=dict(img_shape=size, ori_shape=size, pad_shape=size))
        if labeled:
            sample.gt_sem_seg = PixelData(
                data=torch.randint(classes, (1, *size)))
        result.append(sample)
    return result


def method(name: str, **settings) -> dict:
    """A method of configs/_base_/methods, around a tiny network.

    Args:
        name (str): Name of the file.
        **settings: Merged into the config of the model.
    """
    cfg = Config(
        dict(
            model=dict(
                Config.fromfile(METHODS / f'{name}.py').method,
                segmentor=segmentor(),
                num_classes=NUM_CLASSES,
                crop_size=(32, 32))))
    if 'contrast' in cfg.model.get('terms', {}):
        cfg.model.terms.contrast.head.update(embed_dims=6, embed_stride=1)
    # A network is not merged into another one.
    if 'segmentor' in settings:
        cfg.model['segmentor'] = settings.pop('segmentor')
    cfg.merge_from_dict(dict(model=settings))
    return cfg.model


def build(name: str, **settings):
    """A model in training mode, see :func:`method`."""
    return MODELS.build(method(name, **settings)).train()


def semi_batch(num: int = 2,
               size: tuple = (32, 32),
               classes: int = NUM_CLASSES) -> tuple:
    """Inputs and data samples as the preprocessor gives them."""
    torch.manual_seed(0)
    inputs = dict(
        labeled=torch.randn(num, 3, *size),
        unlabeled=torch.randn(num, 3, *size))
    data_samples = dict(
        labeled=samples(num, size, classes=classes),
        unlabeled=samples(num, size, labeled=False))
    return inputs, data_samples
