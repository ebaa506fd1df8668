# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The real runner: train, validate, save, resume, test."""
import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.runner import Runner

from prcl_mmseg.engine import TrainingHealthHook

METHODS = ('supervised', 'fixmatch', 'mean_teacher', 'unimatch',
           'unimatch_v2', 'prcl', 'prcl_unimatch_v2')
# Without a teacher.
ALONE = ('supervised', 'fixmatch', 'unimatch')
PRCL = ('prcl', 'prcl_unimatch_v2')


def build_runner(path: str, work_dir, name: str, **options) -> Runner:
    cfg = Config.fromfile(path)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = f'{work_dir}_{name}'
    cfg.merge_from_dict(options)
    return Runner.from_cfg(cfg)


def snapshot(runner: Runner) -> dict:
    return {
        name: value.clone()
        for name, value in runner.model.state_dict().items()
    }


def assert_equal(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def watch_gradients(runner: Runner) -> None:
    """Let the hook measure gradients in every iteration."""
    hook, = [
        hook for hook in runner.hooks if isinstance(hook, TrainingHealthHook)
    ]
    hook.interval = 1


def history(name: str) -> list:
    """What was logged of the training in each iteration."""
    scalars = MessageHub.get_current_instance().log_scalars
    return scalars[f'train/{name}'].data[0].tolist()


@pytest.mark.parametrize('method', METHODS)
def test_trains_and_scores(write_config, tmp_path, method):
    runner = build_runner(write_config(method), tmp_path / 'work', method)
    before = copy.deepcopy(runner.model.student.state_dict())
    runner.train()
    after = runner.model.student.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    scores = runner.val_loop.run()
    roles = {'student'} if method in ALONE else {'teacher', 'student'}
    assert set(runner.model.roles) == roles
    prefixes = {key.split('/')[0] for key in scores if '/' in key}
    assert prefixes - {'better'} == roles
    default = 'student' if method in ALONE else 'teacher'
    assert scores['mIoU'] == scores[f'{default}/mIoU']
    logged = MessageHub.get_current_instance().log_scalars
    assert ('train/loss_pseudo' in logged) == (method != 'supervised')
    assert ('train/loss_contrast' in logged) == method.startswith('prcl')


@pytest.mark.parametrize('method', PRCL)
def test_prcl_trains_every_part(write_config, tmp_path, method):
    runner = build_runner(write_config(method), tmp_path / 'work', 'parts')
    runner.train()
    model = runner.model
    assert int(model.teacher.steps) == 4
    assert model.terms['contrast'].bank.seen.all()
    assert not model.teacher.module.training
    logged = MessageHub.get_current_instance().log_scalars
    for name in ('loss_pseudo', 'loss_contrast', 'pseudo_weight',
                 'contrast_ratio', 'mean_variance', 'positive_score'):
        assert f'train/{name}' in logged, name


@pytest.mark.parametrize('method', ['fixmatch', 'prcl'])
def test_every_network_starts_from_pretrained_weights(
        write_config, tmp_path, method):
    path = write_config(method)
    work_dir = tmp_path / 'work'
    backbone = build_runner(path, work_dir, 'first').model.student.backbone
    weights = {
        name: torch.rand_like(value)
        for name, value in backbone.named_parameters()
    }
    torch.save(weights, tmp_path / 'backbone.pth')
    runner = build_runner(
        path, work_dir, 'second', **{
            'model.segmentor.backbone.init_cfg':
            dict(type='Pretrained', checkpoint=str(tmp_path / 'backbone.pth'))
        })
    runner._init_model_weights()
    for role in runner.model.roles:
        own = dict(runner.model.network(role).backbone.named_parameters())
        assert own.keys() == weights.keys()
        assert all(own[name].equal(weights[name]) for name in weights), role


def test_hooks_without_anything_to_do_change_nothing(write_config, tmp_path):
    snapshots = []
    for name, extra in (('all', ''), ('seeded', (
            "\ncustom_hooks = [dict(type='ReproducibleStepHook')]\n"))):
        path = write_config('supervised', extra=extra)
        runner = build_runner(path, tmp_path / name, name)
        assert any(isinstance(hook, TrainingHealthHook)
                   for hook in runner.hooks) == (name == 'all')
        runner.train()
        snapshots.append(snapshot(runner))
    assert_equal(*snapshots)


class Interruption(Exception):
    """What a power cut is to a run."""


class InterruptHook(Hook):
    """Interrupts a run once its second iteration is saved."""

    priority = 'LOWEST'

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        if runner.iter == 1:
            raise Interruption


def train_with_a_cut(path: str, tmp_path) -> tuple:
    """Runners of a training, and of the same one interrupted and resumed."""
    whole = build_runner(path, tmp_path / 'whole', 'whole')
    whole.train()
    interrupted = build_runner(path, tmp_path / 'split', 'interrupted')
    interrupted.register_hook(InterruptHook())
    with pytest.raises(Interruption):
        interrupted.train()
    resumed = build_runner(path, tmp_path / 'split', 'resumed', resume=True)
    resumed.train()
    assert resumed.iter == 4
    return whole, resumed


@pytest.mark.parametrize('method', PRCL)
def test_resumed_run_takes_the_same_steps(write_config, tmp_path, method):
    whole, resumed = train_with_a_cut(write_config(method), tmp_path)
    assert_equal(snapshot(whole), snapshot(resumed))


def test_an_adaptive_threshold_resumes(write_config, tmp_path):
    extra = ("\nmodel['strategy']['loss']['threshold'] = dict(\n"
             "    type='AdaptiveThreshold', initial=0.9, momentum=0.5)\n")
    whole, resumed = train_with_a_cut(
        write_config('fixmatch', extra=extra), tmp_path)
    key = 'strategy.loss.threshold.value'
    cut = torch.load(tmp_path / 'split/iter_2.pth')['state_dict'][key]
    end = snapshot(whole)[key]
    assert 0 < end < 0.9 and end != cut
    assert_equal(snapshot(whole), snapshot(resumed))


def test_gradients_of_a_checkpointed_backbone(write_config, tmp_path):
    """They are measured where no part of it has to be run again."""
    measured = []
    for with_cp in (False, True):
        extra = f"\nmodel['segmentor']['backbone']['with_cp'] = {with_cp}\n"
        runner = build_runner(
            write_config(extra=extra), tmp_path / 'work', f'cp {with_cp}')
        watch_gradients(runner)
        runner.train()
        measured.append([
            history(f'gradient_{name}') for name in ('pseudo', 'contrast')
        ])
        assert all(len(values) == 4 for values in measured[-1])
        assert all(value > 0 for value in measured[-1][1])
    # Later the twice counted batches of a checkpointed BN make a difference.
    for plain, checkpointed in zip(*measured):
        assert checkpointed[0] == pytest.approx(plain[0], rel=1e-4)


VIT = '''
model['segmentor'].update(
    backbone=dict(
        type='VisionTransformer', img_size=(32, 32), patch_size=8,
        embed_dims=16, num_layers=4, num_heads=2, out_indices=(0, 1, 2, 3),
        final_norm=False, output_cls_token=True),
    decode_head=dict(
        type='DPTHead', in_channels=(16, ) * 4, in_index=(0, 1, 2, 3),
        channels=8, embed_dims=16, post_process_channels=[4, 4, 8, 8],
        readout_type='project', patch_size=8, num_classes=19,
        input_transform='multiple_select', norm_cfg=norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss')),
    auxiliary_head=None)
'''


@pytest.mark.parametrize('method', ['unimatch', *PRCL])
def test_features_that_are_lists_of_lists(write_config, tmp_path, method):
    """Four layers of a ViT, each as a map and a class token."""
    runner = build_runner(
        write_config(method, extra=VIT), tmp_path / 'work', method,
        # A student that labels for itself is sure of nothing at first.
        **{'model.strategy.loss.threshold': 0.0})
    watch_gradients(runner)
    features = runner.model.student.extract_feat(torch.zeros(1, 3, 32, 32))
    assert [[part.dim() for part in layer]
            for layer in features] == [[4, 2]] * 4
    runner.train()
    assert all(value > 0 for value in history('gradient_pseudo'))
    if method in PRCL:
        assert all(value > 0 for value in history('gradient_contrast'))


def test_checkpoint_loads_safely_and_tests(write_config, tmp_path):
    path = write_config()
    runner = build_runner(path, tmp_path / 'work', 'train')
    runner.train()
    checkpoint = str(tmp_path / 'work' / 'iter_4.pth')
    content = torch.load(checkpoint, weights_only=True)
    assert 'networks.teacher.steps' in content['state_dict']
    assert 'terms.contrast.bank.precision' in content['state_dict']
    tester = build_runner(
        path, tmp_path / 'test', 'test', load_from=checkpoint)
    scores = tester.test()
    assert scores['mIoU'] == pytest.approx(runner.val_loop.run()['mIoU'])


@pytest.mark.parametrize('method', PRCL)
def test_unlabeled_images_are_optional(write_config, tmp_path, method):
    """Without them the contrast learns from the labelled pixels alone."""
    extra = '\ntrain_dataloader["dataset"]["unlabeled"] = None\n'
    runner = build_runner(
        write_config(method, extra=extra), tmp_path / 'work', 'optional')
    runner.train()
    logged = MessageHub.get_current_instance().log_scalars
    assert 'train/loss_pseudo' not in logged
    assert all(value > 0 for value in history('loss_contrast'))
    assert history('contrast_ratio') == [1.0] * 4


def test_a_segmentor_of_mmseg_trains_with_the_same_hooks(write_config,
                                                         tmp_path):
    cfg = Config.fromfile(write_config('supervised'))
    model = cfg.model.segmentor
    model.data_preprocessor.size = (32, 32)
    for head in (model.decode_head, model.auxiliary_head):
        head.num_classes = 3
    cfg.model = model
    cfg.train_dataloader.dataset = cfg.train_dataloader.dataset.labeled
    cfg.val_cfg.type = 'ValLoop'
    cfg.work_dir = str(tmp_path / 'work')
    Runner.from_cfg(cfg).train()
    assert history('loss')[-1] > 0
    log = next((tmp_path / 'work').rglob('*.log')).read_text()
    assert 'Effective batch: 2 labelled images' in log


def test_each_role_writes_files_of_its_own(write_config, tmp_path):
    folder = tmp_path / 'masks'
    runner = build_runner(write_config(extra=f'''
val_evaluator = [dict(type='IoUMetric', iou_metrics=['mIoU'],
                      output_dir='{folder}')]
'''), tmp_path / 'work', 'files')
    runner.train()
    images = len(runner.val_dataloader.dataset)
    for role in ('teacher', 'student'):
        assert len(list((folder / role).glob('*.png'))) == images
    assert not list(folder.glob('*.png'))


def test_more_unlabeled_than_labeled(write_config, tmp_path):
    extra = '\ntrain_dataloader["dataset"]["samples_per_item"] = (1, 3)\n'
    runner = build_runner(
        write_config(extra=extra), tmp_path / 'work', 'ratio')
    batch = next(iter(runner.build_dataloader(runner.cfg.train_dataloader)))
    data = runner.model.data_preprocessor(batch, True)
    assert data['inputs']['labeled'].shape[0] == 2
    assert data['inputs']['unlabeled'].shape[0] == 6
    runner.train()


def test_gradient_accumulation_moves_the_teacher_with_the_student(
        write_config, tmp_path):
    runner = build_runner(
        write_config(), tmp_path / 'work', 'accumulate',
        **{'optim_wrapper.accumulative_counts': 2})
    runner.train()
    assert int(runner.model.teacher.steps) == 2


def test_empty_and_one_class_masks(write_config, tmp_path, scene_folder):
    """Images without any label, or with one class only, do no harm."""
    import shutil

    import cv2
    import numpy as np
    data = tmp_path / 'scenes'
    shutil.copytree(scene_folder, data)
    cv2.imwrite(
        str(data / 'masks/labeled0.png'), np.full((32, 32), 255, np.uint8))
    cv2.imwrite(
        str(data / 'masks/labeled1.png'), np.zeros((32, 32), np.uint8))
    runner = build_runner(
        write_config(data=data), tmp_path / 'work', 'empty')
    runner.train()
    assert all(value.isfinite().all() for value in snapshot(runner).values())


def test_mmsegs_inference_works_on_the_checkpoint(write_config, tmp_path,
                                                  scene_folder):
    from mmseg.apis import inference_model, init_model
    path = write_config()
    runner = build_runner(path, tmp_path / 'work', 'train')
    runner.train()
    model = init_model(path, str(tmp_path / 'work/iter_4.pth'), device='cpu')
    image = str(scene_folder / 'images/val0.png')
    result = inference_model(model, image)
    assert result.pred_sem_seg.data.shape == (1, 32, 32)
    assert result.pred_variance.data.shape == (1, 32, 32)
    for name, value in runner.model.teacher.module.state_dict().items():
        assert model.predictor.state_dict()[name].equal(value), name


def test_mmengines_compile_switch(write_config, tmp_path):
    """The traced step is the plain step; no compiler is needed for that."""
    snapshots = []
    for name, options in (('plain', {}), ('compiled', dict(
            compile=dict(backend='aot_eager')))):
        torch._dynamo.reset()
        runner = build_runner(
            write_config(),
            tmp_path / name,
            name,
            **{'train_cfg.max_iters': 2},
            **options)
        runner.train()
        snapshots.append(snapshot(runner))
    for name, value in snapshots[0].items():
        torch.testing.assert_close(
            snapshots[1][name], value, rtol=1e-3, atol=1e-4, msg=name)


def test_channels_last_is_only_a_format(write_config, tmp_path):
    # Adam would turn rounding into steps of full length.
    extra = ("custom_hooks = [*_base_.custom_hooks, {hook}]\n"
             "optim_wrapper['optimizer'] = dict(\n"
             "    _delete_=True, type='SGD', lr=0.1, weight_decay=0.)\n")
    snapshots = []
    for name, hook in (('plain', ''),
                       ('channels_last', "dict(type='ChannelsLastHook')")):
        runner = build_runner(
            write_config(extra=extra.format(hook=hook)), tmp_path / name, name,
            **{'train_cfg.max_iters': 1})
        runner.train()
        snapshots.append(snapshot(runner))
    weight = runner.model.student.backbone.layer1[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    for name, value in snapshots[0].items():
        torch.testing.assert_close(
            snapshots[1][name], value, rtol=1e-3, atol=1e-4)
