# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Configs, data sets and weights in the terms of plain mmseg."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmseg.models.decode_heads import ASPPHead, FPNHead
from mmseg.registry import DATASETS, METRICS, MODELS, TRANSFORMS
from tiny import cascade, segmentor

from prcl_mmseg.deploy.own_types import own_types
from prcl_mmseg.deploy.plain_config import (default_role, plain_config,
                                            plain_model)
from prcl_mmseg.deploy.plain_dataset import (NoPlainDataset, find_layout,
                                             plain_dataset)
from prcl_mmseg.deploy.published_checkpoint import plain_weights

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
TEACHER = dict(type='EMATeacher')


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path) -> None:
    """Where there are no data, whose names would go into a list."""
    monkeypatch.chdir(tmp_path)


def semi_config(network: dict, **settings) -> dict:
    contrast = dict(
        type='PrototypeContrast',
        head=dict(type='ProbabilisticDecodeHead', embed_dims=8))
    return dict(
        type='SemiSegmentor', segmentor=network, num_classes=3,
        teacher=TEACHER, terms=dict(contrast=contrast),
        **settings)


@pytest.mark.parametrize('network', [segmentor(), cascade()],
                         ids=['one head', 'cascade'])
@pytest.mark.parametrize('role', ['teacher', 'student'])
def test_plain_weights_give_the_same_logits(network, role):
    cfg = semi_config(network)
    semi = MODELS.build(cfg).eval()
    for tensor in semi.student.parameters():
        tensor.data.add_(0.1)
    plain = MODELS.build(plain_model(cfg)).eval()
    plain.load_state_dict(plain_weights(semi.state_dict(), role), strict=True)
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad(), semi.predicting_with(role):
        expected = semi.predict(image)[0].seg_logits.data
        assert torch.equal(plain.predict(image)[0].seg_logits.data, expected)


def test_weights_of_a_role_that_is_not_there():
    with pytest.raises(ValueError, match='no weights of the teacher.*'
                       "'backbone.weight'.*--student"):
        plain_weights({'backbone.weight': torch.zeros(1)}, 'teacher')


def test_model_needs_nothing_from_outside():
    network = segmentor(pretrained='open-mmlab://resnet18')
    network['backbone'].update(
        norm_cfg=dict(type='SyncBN'),
        init_cfg=dict(type='Pretrained', checkpoint='file.pth'))
    model = plain_model(semi_config(network, crop_size=(24, 32)))
    assert 'pretrained' not in model
    assert 'init_cfg' not in model['backbone']
    assert model['backbone']['norm_cfg']['type'] == 'BN'
    assert model['decode_head']['type'] == 'FCNHead'
    assert model['data_preprocessor']['size'] == (24, 32)


def test_models_that_cannot_be_plain():
    with pytest.raises(ValueError, match="model.type='EncoderDecoder'"):
        plain_model(segmentor())
    network = segmentor()
    network['decode_head']['loss_decode'] = dict(type='PseudoLabelLoss')
    with pytest.raises(ValueError, match='model.segmentor.*PseudoLabelLoss'):
        plain_model(semi_config(network))


@pytest.mark.parametrize('path, dataset', [
    ('prcl/prcl_r101_voc_1-16.py', 'PascalVOCDataset'),
    ('mean_teacher/mean_teacher_r101_cityscapes_1-16.py',
     'CityscapesDataset'),
    ('supervised/supervised_r101_voc_1-16.py', 'PascalVOCDataset'),
    ('unimatch_v2/unimatch_v2_r101_ade20k_1-16.py', 'ADE20KDataset'),
    ('prcl/prcl_r101_coco_stuff164k_1-32.py', 'COCOStuffDataset'),
    ('loveda', 'LoveDADataset')])
def test_ready_configs(path, dataset, tmp_path):
    path = CONFIGS / path
    if path.name == 'loveda':
        # Of this data set there is the base file alone.
        leaf = (CONFIGS / 'prcl/prcl_r101_voc_1-16.py').read_text()
        leaf = leaf.replace('../_base_', str(CONFIGS / '_base_'))
        path = tmp_path / 'loveda.py'
        path.write_text(leaf.replace('voc_blended_semi', 'loveda_semi'))
    plain = plain_config(Config.fromfile(path), 'list.txt')
    cfg = Config.fromstring(plain.cfg.pretty_text, '.py')
    assert plain.left_out == []
    assert own_types(cfg.test_dataloader, DATASETS) == []
    assert own_types(cfg.model, MODELS) == []
    assert cfg.tta_pipeline[1].transforms[1][0].type == 'RandomFlip'
    assert cfg.test_dataloader.dataset.type == dataset
    assert not {'train_dataloader', 'custom_imports',
                'custom_hooks'} & set(cfg)


def test_imports_of_others_stay(monkeypatch):
    cfg = Config.fromfile(
        CONFIGS / 'prcl/prcl_efficientnet-lite0_camvid_1-16.py')
    # Nothing here is of this module.
    monkeypatch.setattr(ASPPHead, '__module__', 'my_terms.heads')
    # This one registers nothing.
    cfg.custom_imports.imports += ['my_terms', 'my_patches']
    plain = plain_config(cfg, 'list.txt')
    assert plain.cfg.custom_imports.imports == [
        'my_patches', 'mmpretrain.models']
    assert 'custom_imports is without my_terms' in '\n'.join(plain.left_out)
    # The head is of a module that another one may have imported.
    monkeypatch.setattr(FPNHead, '__module__', 'other.heads')
    plain = plain_config(cfg, 'list.txt').cfg
    assert plain.custom_imports.imports == [
        'my_terms', 'my_patches', 'mmpretrain.models']


def test_data_that_is_not_there_is_said_and_inference_left(tmp_path,
                                                           monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(
        CONFIGS / 'prcl/prcl_efficientnet-lite0_camvid_1-16.py')
    plain = plain_config(cfg, 'list.txt')
    assert len(plain.left_out) == 1
    assert 'test_dataloader' in plain.left_out[0]
    assert plain.cfg.test_dataloader.dataset.type == 'BaseSegDataset'
    assert plain.cfg.test_dataloader.dataset.pipeline == cfg.test_pipeline
    assert 'test_evaluator' not in plain.cfg and 'test_cfg' not in plain.cfg


def test_concatenated_test_data(tmp_path):
    path = tmp_path / 'both.py'
    path.write_text(
        f"_base_ = '{CONFIGS}/supervised/supervised_r101_voc_1-16.py'\n"
        "test_dataloader = dict(dataset=dict(_delete_=True, type="
        "'ConcatDataset', datasets=[_base_.test_dataloader.dataset] * 2))\n")
    cfg = Config.fromfile(path)
    plain = plain_config(cfg, 'list.txt')
    loaded = Config.fromstring(plain.cfg.pretty_text, '.py')
    assert loaded.test_dataloader.dataset.pipeline == \
        cfg.test_dataloader.dataset.datasets[0].pipeline
    assert 'cannot be tested on' in plain.left_out[0]


def test_own_metric_is_left_out(monkeypatch):
    class OwnMetric(BaseMetric):
        """Registered for this test alone."""

    OwnMetric.__module__ = 'prcl_mmseg.evaluation'
    monkeypatch.setitem(METRICS.module_dict, 'OwnMetric', OwnMetric)
    cfg = Config.fromfile(CONFIGS / 'prcl/prcl_r101_voc_1-16.py')
    cfg.test_evaluator = [cfg.test_evaluator, dict(type='OwnMetric')]
    plain = plain_config(cfg, 'list.txt')
    assert plain.cfg.test_evaluator.type == 'IoUMetric'
    assert 'OwnMetric' in plain.left_out[0]


def test_wrapped_own_dataset_is_refused():
    dataset = dict(type='RepeatDataset', times=2,
                   dataset=dict(type='SplitVOCDataset'))
    with pytest.raises(NoPlainDataset, match='SplitVOCDataset'):
        plain_dataset(dataset, 'list.txt')


@pytest.mark.parametrize('settings, key', [
    (dict(label_map={255: 1}), 'label_map'),
    (dict(metainfo=dict(classes=('car', 'cat'))), 'metainfo.classes')])
def test_other_labels_than_in_the_masks_are_refused(settings, key, tmp_path):
    for name in ('list.txt', 'a.png', 'm.png'):
        (tmp_path / name).write_text('a.png m.png\n')
    dataset = dict(
        type='SplitVOCDataset', data_root=str(tmp_path), ann_file='list.txt',
        pipeline=[], **settings)
    with pytest.raises(NoPlainDataset, match=rf'\({key}\)'):
        plain_dataset(dataset, str(tmp_path / 'names.txt'))


@pytest.mark.parametrize('kind, reduced', [
    ('SplitADE20KDataset', True), ('SplitLoveDADataset', True),
    ('SplitVOCDataset', False)])
@pytest.mark.parametrize('indices', [None, [1]])
def test_labels_are_those_of_the_class(kind, reduced, indices, tmp_path):
    """A list of ours, which no class of mmseg reads."""
    (tmp_path / 'list.txt').write_text(''.join(
        f'i/{name}.jpg m/{name}.png\n' for name in 'ab'))
    for folder, ending in (('i', 'jpg'), ('m', 'png')):
        (tmp_path / folder).mkdir()
        for name in 'ab':
            (tmp_path / folder / f'{name}.{ending}').touch()
    plain = plain_dataset(
        dict(type=kind, data_root=str(tmp_path), ann_file='list.txt',
             indices=indices, pipeline=[]), str(tmp_path / 'names.txt'))
    built = DATASETS.build(plain)
    assert built.reduce_zero_label is reduced
    names = [Path(built[index]['img_path']).name
             for index in range(len(built))]
    assert names == (['b.jpg'] if indices else ['a.jpg', 'b.jpg'])


@pytest.mark.parametrize('settings', [
    dict(), dict(ann_file='ImageSets/Segmentation/val.txt', img_suffix=None)])
def test_what_a_class_of_mmseg_would_not_take(settings, tmp_path):
    """Its list is no option there; nor is any usual ending."""
    with pytest.raises(NoPlainDataset, match='have to be seen'):
        plain_dataset(
            dict(type='SplitVOCDataset', data_root=str(tmp_path / 'nowhere'),
                 pipeline=[], **settings), str(tmp_path / 'names.txt'))


def info(image: str, mask: str) -> dict:
    return dict(img_path=image, seg_map_path=mask)


@pytest.mark.parametrize('pairs, expected', [
    ([('d/images/a.jpg', 'd/masks/a.png'), ('d/images/b.jpg',
                                            'd/masks/b.png')],
     ('d/images', 'd/masks', '.jpg', '.png', ['a', 'b'])),
    ([('i/x/a_img.png', 'm/x/a_gt_ids.png'),
      ('i/y/b_img.png', 'm/y/b_gt_ids.png')],
     ('i', 'm', 'img.png', 'gt_ids.png', ['x/a_', 'y/b_'])),
    ([('a.png', 'm/a.png')], ('', 'm', '.png', '.png', ['a']))])
def test_layout(pairs, expected):
    layout = find_layout([info(*pair) for pair in pairs])
    assert tuple(layout) == expected


@pytest.mark.parametrize('pairs', [
    [('i/a.jpg', 'm/a.png'), ('i/b.png', 'm/b.png')],
    [('i/one.jpg', 'm/other.png'), ('i/two.jpg', 'm/third.png')]])
def test_no_layout(pairs):
    with pytest.raises(NoPlainDataset, match='not named alike'):
        find_layout([info(*pair) for pair in pairs])


def test_layout_without_masks():
    with pytest.raises(NoPlainDataset, match='without a mask'):
        find_layout([dict(img_path='a.png')])


@pytest.mark.parametrize('model, student, role', [
    (dict(teacher=TEACHER), False, 'teacher'),
    (dict(teacher=TEACHER), True, 'student'),
    (dict(teacher=None), False, 'student'), (dict(), False, 'student'),
    (dict(teacher=TEACHER, predict_with='student'), False, 'student')])
def test_default_role(model, student, role):
    assert default_role(model, student) == role


def test_one_name_may_mean_different_things():
    config = dict(a=[dict(type='RandomFlip'), dict(type='FCNHead')],
                  type='SplitVOCDataset')
    assert own_types(config, MODELS) == ['RandomFlip']
    assert own_types(config, TRANSFORMS, DATASETS) == ['SplitVOCDataset']
