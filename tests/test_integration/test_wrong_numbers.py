# Copyright (c) prcl_mmseg authors. All rights reserved.
"""NaN and infinite numbers stop a training, and nothing bad is kept."""
import math

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner import Runner

from prcl_mmseg.finite import not_finite


def build_runner(path: str, work_dir, **options) -> Runner:
    cfg = Config.fromfile(path)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = str(work_dir)
    cfg.merge_from_dict(options)
    return Runner.from_cfg(cfg)


class PoisonHook(Hook):
    """Sets a pixel of the first image of a part in the third iteration."""
    # Before the check.
    priority = 'VERY_HIGH'

    def __init__(self, part: str, value: float) -> None:
        self.part, self.value = part, value

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter == 2:
            images = data_batch[self.part]['inputs']
            images[0] = images[0].float()
            images[0][0, 3, 5] = self.value
            self.path = data_batch[self.part]['data_samples'][0].img_path


class WatchHook(Hook):
    """What follows the student, after each iteration."""
    priority = 'VERY_LOW'

    def __init__(self) -> None:
        self.seen = []

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None) -> None:
        self.seen.append({
            name: value.clone()
            for name, value in runner.model.state_dict().items()
            if name.startswith(('networks.teacher.', 'terms.'))
        })


def assert_good_checkpoints(work_dir, names: list) -> None:
    files = sorted(path.name for path in work_dir.glob('*.pth'))
    assert files == names
    for name in files:
        state = torch.load(work_dir / name, weights_only=False)['state_dict']
        assert not not_finite(state)


@pytest.mark.parametrize('method, part, value', [
    ('prcl', 'labeled', math.nan),
    ('prcl', 'unlabeled', math.inf),
    ('prcl_unimatch_v2', 'unlabeled', math.nan),
    ('supervised', 'labeled', -math.inf),
])
def test_a_wrong_pixel_stops_the_run(write_config, tmp_path, method, part,
                                     value):
    work_dir = tmp_path / 'work'
    runner = build_runner(write_config(method), work_dir)
    poison = PoisonHook(part, value)
    runner.register_hook(poison)
    with pytest.raises(FloatingPointError) as caught:
        runner.train()
    message = str(caught.value)
    assert 'iteration 3 ' in message
    assert poison.path in message and 'iter_2.pth' in message
    state = runner.model.state_dict()
    assert not not_finite({
        name: tensor
        for name, tensor in state.items()
        if name.startswith(('networks.teacher.', 'terms.'))
    })
    assert_good_checkpoints(work_dir, ['iter_2.pth'])


@pytest.mark.parametrize('method', ['prcl', 'unimatch'])
def test_a_loss_that_is_not_finite_stops_the_run(write_config, tmp_path,
                                                 method, monkeypatch):
    runner = build_runner(write_config(method), tmp_path / 'work')
    head = runner.model.student.decode_head
    head = getattr(head, 'head', head)
    loss, calls = head.loss_by_feat, []

    def third_is_nan(*args) -> dict:
        calls.append(args)
        value = math.nan if len(calls) == 3 else 1.
        return {name: value * each for name, each in loss(*args).items()}

    monkeypatch.setattr(head, 'loss_by_feat', third_is_nan)
    with pytest.raises(FloatingPointError) as caught:
        runner.train()
    message = str(caught.value)
    assert 'iteration 3 ' in message and 'decode.loss_ce=nan' in message
    assert message.count('.png') >= 4 and 'iter_2.pth' in message
    assert_good_checkpoints(tmp_path / 'work', ['iter_2.pth'])


def test_a_learning_rate_that_diverges_stops_the_run(write_config, tmp_path):
    work_dir = tmp_path / 'work'
    runner = build_runner(
        write_config(), work_dir, **{
            'optim_wrapper.optimizer.lr': 1e30,
            'default_hooks.checkpoint.interval': 1
        })
    with pytest.raises(FloatingPointError, match='optim_wrapper.clip_grad'):
        runner.train()
    for path in work_dir.glob('*.pth'):
        state = torch.load(path, weights_only=False)['state_dict']
        assert not not_finite(state)


def test_gradients_that_are_not_finite_are_named_by_their_weights(
        write_config, tmp_path):
    runner = build_runner(write_config('mean_teacher'), tmp_path / 'work')
    weight = runner.model.student.decode_head.conv_seg.weight
    weight.register_hook(lambda grad: grad * math.inf)
    with pytest.raises(FloatingPointError, match='iteration 1 .*conv_seg'):
        runner.train()
    assert not not_finite(runner.model.teacher.state_dict())


def test_a_checkpoint_with_nan_is_refused_before_the_first_step(
        write_config, tmp_path):
    path = write_config()
    runner = build_runner(path, tmp_path / 'first')
    state = runner.model.state_dict()
    next(iter(state.values())).fill_(math.nan)
    torch.save(dict(state_dict=state), tmp_path / 'bad.pth')
    runner = build_runner(
        path, tmp_path / 'second', load_from=str(tmp_path / 'bad.pth'))
    with pytest.raises(FloatingPointError, match='load_from'):
        runner.train()


def test_a_teacher_with_nan_is_refused_beside_a_good_student(
        write_config, tmp_path):
    path = write_config('mean_teacher')
    state = build_runner(path, tmp_path / 'first').model.state_dict()
    next(value for name, value in state.items()
         if 'teacher.module' in name).fill_(math.nan)
    torch.save(dict(state_dict=state), tmp_path / 'bad.pth')
    runner = build_runner(
        path, tmp_path / 'second', load_from=str(tmp_path / 'bad.pth'))
    with pytest.raises(FloatingPointError, match='networks.teacher'):
        runner.train()


def test_predictions_that_are_nan_are_not_scored(write_config, tmp_path):
    path = write_config('supervised')
    model = build_runner(path, tmp_path / 'first').model
    # Finite, but the root of it is not.
    model.student.backbone.bn1.running_var.fill_(-1)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'odd.pth')
    runner = build_runner(
        path, tmp_path / 'second', load_from=str(tmp_path / 'odd.pth'))
    with pytest.raises(FloatingPointError, match='val0.png are NaN'):
        runner.test()


@OPTIM_WRAPPERS.register_module()
class ScaledOptimWrapper(OptimWrapper):
    """AmpOptimWrapper's scaler, where there is no GPU."""

    def __init__(self, overflow_at: tuple, **kwargs) -> None:
        super().__init__(**kwargs)
        self.scaler = torch.amp.GradScaler('cpu', init_scale=2.)
        self.overflow_at = overflow_at

    def backward(self, loss, **kwargs) -> None:
        if self._inner_count in self.overflow_at:
            loss = loss * math.inf
        self.scaler.scale(loss).backward()
        self._inner_count += 1

    def step(self, **kwargs) -> None:
        self.scaler.step(self.optimizer)
        self.scaler.update()


def train_scaled(write_config, tmp_path, overflow_at: tuple,
                 **options) -> list:
    runner = build_runner(
        write_config(), tmp_path / 'work', **{
            'optim_wrapper.type': 'ScaledOptimWrapper',
            'optim_wrapper.overflow_at': overflow_at
        }, **options)
    watch = WatchHook()
    runner.register_hook(watch)
    runner.train()
    return watch.seen


def test_teacher_and_bank_stay_when_the_scaler_skips_a_step(
        write_config, tmp_path):
    seen = train_scaled(write_config, tmp_path, overflow_at=(1, ))
    before, skipped, after, _ = seen
    assert all(value.equal(before[name]) for name, value in skipped.items())
    moved = {
        name.split('.')[1]
        for name, value in after.items() if not value.equal(skipped[name])
    }
    assert moved == {'teacher', 'contrast'}


def test_a_scaler_that_always_skips_stops_the_run(write_config, tmp_path):
    path = write_config()
    hooks = Config.fromfile(path).custom_hooks
    index = [hook.type for hook in hooks].index('CheckFiniteHook')
    with pytest.raises(FloatingPointError, match='skipped 3 steps in a row'):
        train_scaled(
            write_config,
            tmp_path,
            overflow_at=range(9),
            **{f'custom_hooks.{index}.max_skipped_steps': 2})
