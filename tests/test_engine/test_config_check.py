# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What is no mistake passes; the mistakes are in the table of bad inputs."""
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook, IterTimerHook
from mmseg.registry import HOOKS, MODELS
from tiny import build

from prcl_mmseg.engine import MeanTeacherHook, PrototypeBankHook
from prcl_mmseg.engine.config_check import check_config
from prcl_mmseg.engine.hook_check import check_followers


def make_config(**changes) -> Config:
    head = dict(type='FCNHead', num_classes=3, loss_decode=dict())
    load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    cfg = Config(
        dict(
            model=dict(
                type='SemiSegmentor',
                teacher=dict(type='EMATeacher'),
                segmentor=dict(
                    decode_head=head,
                    data_preprocessor=dict(seg_pad_val=255, std=[1.0]))),
            train_cfg=dict(max_iters=4, val_interval=4),
            val_cfg=dict(type='TeacherStudentValLoop'),
            val_evaluator=dict(type='IoUMetric'),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            train_dataloader=dict(
                batch_size=2,
                num_workers=0,
                dataset=dict(
                    pipeline=[*load, dict(type='PackSegInputs')],
                    unlabeled=dict(
                        pipeline=[load[0], dict(type='PackSegInputs')])))))
    cfg.merge_from_dict(changes)
    return cfg


@HOOKS.register_module()
class TakesAll(Hook):
    """A hook of the user's that takes whatever it is given."""

    def __init__(self, sizes: tuple = (), **kwargs) -> None:
        self.settings = kwargs


@pytest.mark.parametrize('key, value', [
    ('train_cfg.max_iters', 4),
    ('custom_hooks', [dict(type='TakesAll', anything=1)]),
    ('custom_hooks', [dict(type='mmdet.NotInstalledHook', intervall=1)]),
    ('custom_hooks', [dict(type='NotRegisteredYet', interval=3)]),
    ('default_hooks', dict(visualization=None)),
    ('default_hooks', dict(checkpoint=dict(type='CheckpointHook',
                                           interval=-1))),
    ('default_hooks', dict(checkpoint=dict(type='CheckpointHook',
                                           save_best='auto'))),
    ('default_hooks', dict(checkpoint=dict(type='CheckpointHook',
                                           save_best='teacher/mIoU'))),
    ('val_evaluator', [dict(type='IoUMetric', iou_metrics=['mDice']),
                       dict(type='MyMetric')]),
    ('param_scheduler', dict(type='PolyLR', by_epoch=False)),
    ('param_scheduler', None),
    ('param_scheduler', [dict(type='ReduceOnPlateauLR', monitor='mIoU',
                              rule='greater')]),
    ('custom_hooks', [dict(type='EarlyStoppingHook',
                           monitor='better/mIoU')]),
    ('randomness', dict(seed=None)),
    ('optim_wrapper', dict(_delete_=True, constructor='Mine',
                           student=dict(), critic=dict())),
    ('train_dataloader.persistent_workers', False),
    ('model.teacher', None),
    ('model.terms', dict(contrast=None)),
    # A class that this loss leaves out.
    ('model.segmentor.decode_head.loss_decode',
     dict(type='DiceLoss', ignore_index=0)),
    # None is 255 to MMSegmentation.
    ('model.segmentor', dict(decode_head=dict(ignore_index=None),
                             data_preprocessor=dict(seg_pad_val=255))),
    # Masks of unlabelled images are not looked at.
    ('train_dataloader.dataset.unlabeled.pipeline',
     [dict(type='Pad', pad_val=dict(img=0, seg=0))]),
    # A loader of the user's.
    ('train_dataloader.dataset.pipeline', [dict(type='MyLoader'),
                                           dict(type='PackSegInputs')]),
    # mmcv's RandomFlip, not the one of the strong augmentation.
    ('train_dataloader.dataset.pipeline', [
        dict(type='LoadImageFromFile'),
        dict(type='RandomFlip', prob=[0.3, 0.5],
             direction=['horizontal', 'vertical']),
        dict(type='PackSegInputs')]),
    # Loaded by what it wraps.
    ('train_dataloader.dataset.pipeline', [
        dict(type='RandomChoice',
             transforms=[[dict(type='LoadImageFromFile')]]),
        dict(type='PackSegInputs')]),
    ('model.strategy', dict(type='WeakToStrong', strong_augment=None)),
    # The images are made by a wrapper of the user's, or of others.
    ('train_dataloader.dataset', dict(
        type='MultiImageMixDataset',
        dataset=dict(type='MyDataset', pipeline=[dict(type='Resize')]),
        pipeline=[dict(type='RandomMosaic'), dict(type='PackSegInputs')])),
    ('custom_hooks', [dict(type='TakesAll', size=3, interval=0)]),
    ('test_evaluator', dict(type='IoUMetric', ignore_index=3)),
    ('model.segmentor.decode_head.loss_decode', dict(loss_weight=[1, 2])),
    ('model.segmentor.backbone', dict(pretrained='laion')),
    ('my_settings', dict(ignore_index=0, loss_weight=-1)),
    ('my_settings', dict(max_iters=-5, type='NoClass')),
])
def test_no_mistake(key, value):
    if key == 'train_dataloader.dataset.unlabeled.pipeline':
        value = [dict(type='LoadImageFromFile'), *value]
    # The evaluator's scores are those of IoUMetric, if there is no other.
    changes = {key: value}
    if key == 'default_hooks':
        changes['val_evaluator'] = dict(type='IoUMetric')
    check_config(make_config(**changes))


@pytest.mark.parametrize('monitor, known', [
    ('better/a/mDice', True), ('student/a/mAcc', True), ('a/mDice', True),
    ('better/mDice', False), ('better/a/mIoU', False)])
def test_scores_of_another_metric_with_a_prefix(monitor, known):
    metric = dict(type='IoUMetric', prefix='a', iou_metrics=['mDice'])
    stop = dict(type='EarlyStoppingHook', monitor=monitor)
    cfg = make_config(val_evaluator=metric, custom_hooks=[stop])
    if known:
        check_config(cfg)
        return
    with pytest.raises(ValueError, match=f'monitor={monitor!r} is no score'):
        check_config(cfg)


def test_a_test_needs_no_training():
    cfg = make_config(**{'train_cfg.max_iters': -5})
    cfg.optim_wrapper = None
    check_config(cfg, training=False)


def run_of(method: str, *hooks: Hook) -> SimpleNamespace:
    return SimpleNamespace(
        model=build(method), hooks=hooks, cfg=dict(custom_hooks=[]))


def test_hooks_that_move_teacher_and_prototypes():
    check_followers(run_of('prcl', MeanTeacherHook(), PrototypeBankHook()))
    check_followers(run_of('fixmatch', IterTimerHook()))
    # One of the user's may do it.
    check_followers(run_of('prcl', TakesAll()))


@pytest.mark.parametrize('hooks, message', [
    ((), 'no MeanTeacherHook.*model.teacher'),
    ((MeanTeacherHook(), ), 'no PrototypeBankHook.*model.terms.contrast'),
    ((MeanTeacherHook(), MeanTeacherHook(), PrototypeBankHook()),
     'MeanTeacherHook.*2 times'),
])
def test_a_teacher_or_bank_that_would_not_move_as_it_should(hooks, message):
    with pytest.raises(ValueError, match=f'custom_hooks.*{message}'):
        check_followers(run_of('prcl', *hooks))


def test_segmentors_of_mmseg_have_neither():
    check_followers(
        SimpleNamespace(model=MODELS.build(dict(type='ReLU')), hooks=()))
