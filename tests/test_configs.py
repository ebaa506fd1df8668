# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Every ready config can be read, and describes what its name says."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmseg.registry import MODELS

from prcl_mmseg.engine.config_check import check_config
from prcl_mmseg.engine.launch import adapt_to_run

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
# Folders; those of teachers and of students that label themselves.
TEACHERS = ('mean_teacher', 'unimatch_v2')
METHODS = ('supervised', 'fixmatch', 'unimatch', *TEACHERS, 'prcl')
LEAVES = sorted(
    path for method in METHODS for path in (CONFIGS / method).glob('*.py'))
# Methods of the folder prcl, and the strategy each stands on.
CONTRASTS = dict(
    prcl_fixmatch='fixmatch',
    prcl_unimatch_v2='unimatch_v2',
    prcl_unimatch='unimatch',
    prcl_reference='mean_teacher',
    prcl_deterministic='mean_teacher',
    prcl='mean_teacher')
# What every method has, and where.
EXPERIMENTS = ('r101_voc_1-16', 'r101_voc_92', 'r101_cityscapes_1-16',
               'r101_ade20k_1-16', 'r101_coco_stuff164k_1-32',
               'efficientnet-lite0_camvid_1-16',
               'efficientnet-lite0_msrc_n40', 'demo', 'r50_custom')


def method_of(path: Path) -> str:
    """The name of its method in configs/_base_/methods."""
    return next((name for name in CONTRASTS if path.stem.startswith(name)),
                path.parent.name)


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_config(path):
    cfg = Config.fromfile(path)
    assert cfg.model.type == 'SemiSegmentor'
    assert cfg.custom_imports.imports == ['prcl_mmseg']
    assert ('contrast' in cfg.model.get('terms', {})) == (
        path.parent.name == 'prcl')
    strategy = CONTRASTS.get(method_of(path), path.parent.name)
    assert (cfg.model.get('teacher') is not None) == (strategy in TEACHERS)
    dataset = cfg.train_dataloader.dataset
    split = path.stem.split('_')[-1]
    if split not in ('demo', 'custom'):
        # Some splits have a list for each seed.
        for part in (dataset.labeled, dataset.unlabeled):
            assert part.ann_file.split('/')[-2] in (split, f'seed0_{split}')
    for training in (True, False):
        check_config(cfg, training)
    # The resolved config stands on its own.
    again = Config.fromstring(cfg.pretty_text, '.py')
    assert again.model.to_dict() == cfg.model.to_dict()


@pytest.mark.parametrize('experiment', EXPERIMENTS)
def test_every_method_has_the_experiment(experiment):
    """On the same data, network, labelled batch and schedule."""
    first, *others = (
        Config.fromfile(CONFIGS / method / f'{method}_{experiment}.py')
        for method in METHODS)
    for other in others:
        for key in ('train_dataloader', 'optim_wrapper', 'train_cfg',
                    'param_scheduler', 'custom_hooks'):
            assert other[key] == first[key], key
        assert other.model.segmentor == first.model.segmentor


@pytest.mark.parametrize(
    'path', [path for path in LEAVES if path.parent.name == 'prcl'],
    ids=lambda path: path.stem)
def test_the_contrast_stands_on_a_strategy_as_it_is(path):
    name = method_of(path)
    prcl = Config.fromfile(path).model
    strategy = CONTRASTS[name]
    twin = Config.fromfile(CONFIGS / strategy /
                           f'{strategy}{path.stem[len(name):]}.py').model
    prcl.terms.pop('contrast')
    if 'camvid' in path.stem:
        prcl.strategy.labeler.pop('prototype_weight', None)
    assert prcl == twin


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_a_leaf_overrides_little(path):
    """What a method is stands in its file alone."""
    leaf = Config.fromfile(path).model
    base = Config.fromfile(
        CONFIGS / f'_base_/methods/{method_of(path)}.py').method
    assert set(leaf) == {*base, 'segmentor', 'num_classes', 'crop_size'}
    # How fast the teacher follows belongs to the schedule.
    for model in (leaf, base):
        if 'teacher' in model:
            model.teacher.pop('momentum', None)
    assert leaf.get('teacher') == base.get('teacher')
    if 'strategy' in base:
        assert leaf.strategy.get('views') == base.strategy.get('views')
        assert leaf.strategy.loss.type == base.strategy.loss.type


@pytest.mark.parametrize('leaf, name', [
    ('prcl/prcl_r101_voc_1-16', 'segformer_mit-b2'),
    ('prcl/prcl_r101_voc_1-16', 'upernet_swin-t'),
    ('prcl/prcl_unimatch_v2_r101_voc_1-16', 'upernet_convnext-t'),
    ('unimatch/unimatch_r101_voc_1-16', 'fpn_efficientnet-b0')
])
def test_models_build_by_changing_the_base_entry(name, leaf, tmp_path):
    pytest.importorskip('mmpretrain')
    text = (CONFIGS / f'{leaf}.py').read_text()
    changed = text.replace('deeplabv3plus_r101-d16', name)
    assert changed != text
    path = tmp_path / 'changed.py'
    path.write_text(changed.replace("'../_base_", f"'{CONFIGS}/_base_"))
    cfg = Config.fromfile(path)
    adapt_to_run(cfg, launcher='none')
    model = MODELS.build(cfg.model)
    assert model.num_classes == cfg.num_classes


def test_the_reference_embeds_the_fused_decoder_feature():
    cfg = Config.fromfile(CONFIGS / 'prcl/prcl_reference_r101_voc_1-16.py')
    adapt_to_run(cfg, launcher='none')
    head = MODELS.build(cfg.model).student.decode_head
    assert head.mean_branch[0].in_channels == 304


def test_sync_bn_is_for_several_gpus():
    cfg = Config(
        dict(model=dict(norm_cfg=dict(type='SyncBN'),
                        heads=[dict(norm_cfg=dict(type='SyncBN'))])))
    adapt_to_run(cfg, launcher='none')
    assert cfg.model.norm_cfg.type == 'BN'
    assert cfg.model.heads[0].norm_cfg.type == 'BN'
