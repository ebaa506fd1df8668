# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A trained experiment, but for the training: data, config, checkpoint."""
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from tiny import NUM_CLASSES, segmentor

import prcl_mmseg  # noqa: F401

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
METAINFO = dict(
    classes=('ground', 'disc', 'bar'),
    palette=[[90, 90, 90], [250, 0, 0], [0, 250, 0]])


class Experiment(NamedTuple):
    """Paths of its files, and the image that it is tried on."""

    config: str
    checkpoint: str
    image: str
    folder: Path


@pytest.fixture(scope='session')
def experiment(make_experiment, tmp_path_factory) -> Experiment:
    """PRCL on a tiny network; teacher and student differ."""
    return make_experiment(tmp_path_factory.mktemp('experiment'))


@pytest.fixture(scope='session')
def make_experiment():
    """A function that makes such an experiment on images of any kind."""
    return _experiment


def _experiment(folder: Path,
                load: dict = dict(type='LoadImageFromFile'),
                masks: dict = dict(type='LoadAnnotations'),
                channels: int = 3,
                depth: type = np.uint8,
                suffix: str = '.png') -> Experiment:
    rng = np.random.default_rng(0)
    for kind in ('images', 'masks'):
        (folder / kind).mkdir()
    for index in range(3):
        image = rng.integers(
            0, np.iinfo(depth).max, (32, 40, channels), dtype=depth)
        mask = rng.integers(0, NUM_CLASSES, (32, 40), dtype=np.uint8)
        path = str(folder / f'images/{index}_img{suffix}')
        if suffix == '.npy':
            np.save(path, image)
        else:
            cv2.imwrite(path, image)
        cv2.imwrite(str(folder / f'masks/{index}_mask.png'), mask)
    (folder / 'list.txt').write_text('\n'.join(
        f'images/{index}_img{suffix} masks/{index}_mask.png'
        for index in range(3)))
    config = folder / 'tiny_prcl.py'
    cfg = _config(folder, load, masks)
    network = cfg.model.segmentor
    network.backbone.in_channels = channels
    network.data_preprocessor.update(
        mean=[np.iinfo(depth).max / 2] * channels,
        std=[np.iinfo(depth).max / 4] * channels)
    cfg.dump(config)
    return Experiment(
        str(config), _checkpoint(config, folder),
        str(folder / f'images/0_img{suffix}'), folder)


@pytest.fixture
def load_tool(monkeypatch):
    """A function that imports a tool by its path below tools/."""
    monkeypatch.setattr(sys, 'path', list(sys.path))

    def load(path: str) -> ModuleType:
        name = path.replace('/', '_').replace('.py', '')
        spec = importlib.util.spec_from_file_location(
            f'prcl_tool_{name}', TOOLS / path)
        tool = importlib.util.module_from_spec(spec)
        # Where dataclasses look for their module.
        monkeypatch.setitem(sys.modules, spec.name, tool)
        spec.loader.exec_module(tool)
        return tool

    return load


@pytest.fixture
def call_tool(load_tool, monkeypatch, tmp_path):
    """A function that runs a tool in this process, as from the shell."""

    def call(path: str, *arguments) -> None:
        tool = load_tool(path)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', [path, *map(str, arguments)])
        tool.main()

    return call


def _config(folder: Path, load: dict, masks: dict) -> Config:
    pack = dict(type='PackSegInputs')
    data = dict(
        type='SplitSegDataset',
        data_root=str(folder),
        ann_file='list.txt',
        metainfo=METAINFO)
    crop = dict(type='RandomCrop', crop_size=(32, 32))
    test = dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(data, pipeline=[load, masks, pack]))
    return Config(
        dict(
            default_scope='mmseg',
            custom_imports=dict(
                imports=['prcl_mmseg'], allow_failed_imports=False),
            model=dict(
                type='SemiSegmentor',
                segmentor=segmentor(),
                num_classes=NUM_CLASSES,
                crop_size=(32, 32),
                teacher=dict(type='EMATeacher'),
                strategy=dict(
                    type='WeakToStrong',
                    strong_augment=dict(
                        type='StrongAugment',
                        transforms=[dict(type='ClassMix')])),
                terms=dict(
                    contrast=dict(
                        type='PrototypeContrast',
                        head=dict(
                            type='ProbabilisticDecodeHead', embed_dims=8)))),
            train_cfg=dict(type='IterBasedTrainLoop', max_iters=1),
            optim_wrapper=dict(
                type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)),
            train_dataloader=dict(
                batch_size=2,
                num_workers=0,
                sampler=dict(type='InfiniteSampler'),
                dataset=dict(
                    type='SemiSegDataset',
                    labeled=dict(data, pipeline=[load, masks, crop, pack]),
                    unlabeled=dict(
                        type='UnlabeledDataset',
                        data_root=str(folder),
                        ann_file='list.txt',
                        pipeline=[load, crop, pack]))),
            test_pipeline=[load, masks, pack],
            test_dataloader=test,
            test_evaluator=dict(type='IoUMetric'),
            default_hooks=dict(
                visualization=dict(type='SegVisualizationHook')),
            test_cfg=dict(type='TestLoop'),
            visualizer=dict(
                type='SegLocalVisualizer',
                vis_backends=[dict(type='LocalVisBackend')],
                name='visualizer')))


def _checkpoint(config: Path, folder: Path) -> str:
    torch.manual_seed(0)
    init_default_scope('mmseg')
    model = MODELS.build(Config.fromfile(config).model)
    for part in (model.student, model.teacher):
        for tensor in [*part.parameters(), *part.buffers()]:
            if tensor.is_floating_point():
                tensor.data.add_(0.2 * torch.rand_like(tensor))
    path = folder / 'iter_7.pth'
    torch.save(
        dict(
            state_dict=model.state_dict(),
            meta=dict(dataset_meta=METAINFO, iter=7, seed=np.int64(1)),
            optimizer=dict(state=torch.zeros(9)),
            message_hub=dict(log=[1.0])), path)
    return str(path)
