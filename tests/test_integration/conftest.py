# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A tiny experiment in a folder of its own: images, lists and a config."""
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from prcl_mmseg.engine.launch import adapt_to_run

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ('ground', 'disc', 'bar')
SIZE = 32

CONFIG = '''
_base_ = [
    '{root}/configs/_base_/datasets/camvid_semi.py',
    '{root}/configs/_base_/methods/{method}.py',
    '{root}/configs/_base_/schedules/adamw_1k.py',
    '{root}/configs/_base_/default_runtime.py'
]
custom_imports = dict(imports=['prcl_mmseg'], allow_failed_imports=False)
randomness = dict(seed=0)
norm_cfg = dict(type='SyncBN', requires_grad=True)
segmentor = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[127.] * 3, std=[60.] * 3,
        bgr_to_rgb=True, pad_val=0, seg_pad_val=255),
    backbone=dict(
        type='ResNet', depth=18, base_channels=8, stem_channels=8,
        norm_cfg=norm_cfg, num_stages=2, strides=(1, 2), dilations=(1, 1),
        out_indices=(0, 1)),
    decode_head=dict(
        type='FCNHead', in_channels=16, in_index=1, channels=8, num_convs=1,
        concat_input=False, dropout_ratio=0.1, num_classes=19,
        norm_cfg=norm_cfg, loss_decode=dict(type='CrossEntropyLoss')),
    auxiliary_head=dict(
        type='FCNHead', in_channels=8, in_index=0, channels=8, num_convs=1,
        concat_input=False, num_classes=19, norm_cfg=norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)),
    train_cfg=dict(), test_cfg=dict(mode='whole'))
model = dict(
    segmentor=segmentor, num_classes=3, crop_size=(32, 32),
    **_base_.method)
if 'contrast' in model.get('terms', []):
    model['terms']['contrast']['head'].update(embed_dims=8, embed_stride=4)
load = dict(type='LoadImageFromFile')
pack = dict(type='PackSegInputs')
weak = [pack]
labeled_pipeline = [load, dict(type='LoadAnnotations'), *weak]
test_pipeline = [load, dict(type='LoadAnnotations'), pack]
images = dict(type='SplitSegDataset', data_root='{data}',
              metainfo=dict(classes={classes!r},
                            palette=[[0, 0, 0], [255, 0, 0], [0, 255, 0]]))
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False, pin_memory=False,
    dataset=dict(
        labeled=dict(_delete_=True, ann_file='labeled.txt',
                     pipeline=labeled_pipeline, **images),
        unlabeled=dict(_delete_=True, type='UnlabeledDataset',
                       data_root='{data}', ann_file='unlabeled.txt',
                       pipeline=[load, *weak])))
val_dataloader = dict(
    batch_size=1, num_workers=0, persistent_workers=False,
    dataset=dict(_delete_=True, ann_file='val.txt', pipeline=test_pipeline,
                 **images))
test_dataloader = val_dataloader
tta_pipeline = [
    load,
    dict(type='TestTimeAug', transforms=[
        [dict(type='RandomFlip', prob=0.), dict(type='RandomFlip', prob=1.)],
        [dict(type='LoadAnnotations')], [pack]])
]
train_cfg = dict(max_iters=4, val_interval=4)
optim_wrapper = dict(optimizer=dict(lr=1e-2))
param_scheduler = [dict(type='PolyLR', power=0.9, by_epoch=False)]
default_hooks = dict(
    logger=dict(interval=1),
    checkpoint=dict(interval=2, max_keep_ckpts=-1, save_best=None))
'''


def draw_scene(rng: np.random.Generator) -> tuple:
    """An image with a disc (1) and a bar (2) on the ground (0)."""
    image = rng.integers(60, 120, (SIZE, SIZE, 3)).astype(np.uint8)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for label, color in ((1, (40, 60, 220)), (2, (60, 220, 60))):
        x, y = (int(value) for value in rng.integers(8, SIZE - 8, 2))
        shape = np.zeros_like(mask)
        if label == 1:
            cv2.circle(shape, (x, y), 6, 1, -1)
        else:
            cv2.rectangle(shape, (x - 3, 2), (x + 3, SIZE - 3), 1, -1)
        image[shape > 0] = color
        mask[shape > 0] = label
    return image, mask


@pytest.fixture(autouse=True)
def unformatted_config(monkeypatch) -> None:
    """Formatting the config takes longer than the training."""
    monkeypatch.setattr(Config, 'pretty_text', property(str))


@pytest.fixture(scope='session')
def scene_folder(tmp_path_factory) -> Path:
    """Images, masks and lists. Masks of unlabelled images can't be read."""
    folder = tmp_path_factory.mktemp('scenes')
    rng = np.random.default_rng(0)
    (folder / 'images').mkdir()
    (folder / 'masks').mkdir()
    splits = dict(labeled=2, unlabeled=6, val=3)
    for split, count in splits.items():
        lines = []
        for index in range(count):
            name = f'{split}{index}'
            image, mask = draw_scene(rng)
            cv2.imwrite(str(folder / f'images/{name}.png'), image)
            if split == 'unlabeled':
                (folder / f'masks/{name}.png').write_bytes(b'no image')
            else:
                cv2.imwrite(str(folder / f'masks/{name}.png'), mask)
            lines.append(f'images/{name}.png masks/{name}.png')
        (folder / f'{split}.txt').write_text('\n'.join(lines))
    return folder


@pytest.fixture
def write_config(scene_folder, tmp_path):
    """A function that writes the config of a method and gives its path."""

    def write(method: str = 'prcl', data: Path = scene_folder,
              extra: str = '') -> str:
        path = tmp_path / f'{method}.py'
        path.write_text(
            CONFIG.format(
                root=ROOT, method=method, data=data, classes=CLASSES) + extra)
        return str(path)

    return write


@pytest.fixture
def trained(write_config, tmp_path):
    """A function that gives config and checkpoint of a method."""

    def make(method: str = 'prcl', extra: str = '') -> tuple:
        config = write_config(method, extra=extra)
        cfg = Config.fromfile(config)
        adapt_to_run(cfg, launcher='none')
        model = MODELS.build(cfg.model)
        for name, tensor in model.state_dict().items():
            # Predictions shall differ between pixels, and prototypes exist.
            if 'conv_seg.weight' in name or '.bank.' in name:
                tensor.copy_(torch.rand_like(tensor) + 0.1)
        meta = dict(classes=CLASSES, palette=[[0, 0, 0], [255, 0, 0],
                                              [0, 255, 0]])
        path = tmp_path / 'iter_2.pth'
        torch.save(dict(state_dict=model.state_dict(),
                        meta=dict(dataset_meta=meta)), path)
        return config, path

    return make


@pytest.fixture
def write_by_tool(monkeypatch, tmp_path):
    """Run a tool in this process; gives the folder of its results."""

    def run(tool: str, *arguments, out: str = 'out') -> Path:
        path = str(ROOT / 'tools' / tool)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', [
            path, *map(str, arguments), '--device', 'cpu', '--out', out])
        runpy.run_path(path, run_name='__main__')
        return tmp_path / out

    return run
