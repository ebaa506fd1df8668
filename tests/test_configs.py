# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Every ready config can be read, and describes what its name says."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmseg.registry import MODELS

from prcl_mmseg.engine.launch import adapt_to_run

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
LEAVES = sorted(
    path for method in ('prcl', 'mean_teacher', 'supervised')
    for path in (CONFIGS / method).glob('*.py'))
TYPES = dict(
    prcl='PRCL', mean_teacher='MeanTeacher', supervised='SemiBaseSegmentor')


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_config(path):
    cfg = Config.fromfile(path)
    assert cfg.model.type == TYPES[path.parent.name]
    assert cfg.custom_imports.imports == ['prcl_mmseg']
    dataset = cfg.train_dataloader.dataset
    split = path.stem.split('_')[-1]
    if split != 'demo':
        folder = dataset.labeled.ann_file.split('/')[-2]
        assert folder == split
        assert dataset.unlabeled.ann_file.split('/')[-2] == split
    # The resolved config stands on its own.
    again = Config.fromstring(cfg.pretty_text, '.py')
    assert again.model.to_dict() == cfg.model.to_dict()


@pytest.mark.parametrize(
    'path', [path for path in LEAVES if path.parent.name == 'prcl'],
    ids=lambda path: path.stem)
def test_every_prcl_config_has_its_twins(path):
    name = path.stem[len('prcl_'):]
    if name.split('_')[0] in ('reference', 'deterministic', 'mit-b2',
                              'swin-t', 'convnext-t'):
        pytest.skip('shows another loss or network')
    prcl = Config.fromfile(path)
    for method in ('mean_teacher', 'supervised'):
        twin = Config.fromfile(CONFIGS / method / f'{method}_{name}.py')
        assert twin.model.segmentor == prcl.model.segmentor
        assert twin.train_dataloader == prcl.train_dataloader
        assert twin.optim_wrapper == prcl.optim_wrapper
        assert twin.train_cfg == prcl.train_cfg


@pytest.mark.parametrize('name', [
    'r50_voc_1-16', 'mit-b2_voc_1-16', 'swin-t_voc_1-16',
    'convnext-t_voc_1-16', 'reference_r101_voc_1-16', 'demo'
])
def test_models_build_by_changing_the_base_entry(name):
    pytest.importorskip('mmpretrain')
    cfg = Config.fromfile(CONFIGS / 'prcl' / f'prcl_{name}.py')
    cfg.model.teacher.momentum = 0.01
    adapt_to_run(cfg, launcher='none')
    model = MODELS.build(cfg.model)
    assert model.num_classes == cfg.num_classes
    head = model.student.decode_head
    expected = 304 if name.startswith('reference') else None
    if expected:
        assert head.mean_branch[0].in_channels == expected


def test_sync_bn_is_for_several_gpus():
    cfg = Config(
        dict(model=dict(norm_cfg=dict(type='SyncBN'),
                        heads=[dict(norm_cfg=dict(type='SyncBN'))])))
    adapt_to_run(cfg, launcher='none')
    assert cfg.model.norm_cfg.type == 'BN'
    assert cfg.model.heads[0].norm_cfg.type == 'BN'
