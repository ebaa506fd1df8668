# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A training that is cut goes on as if it had not been, or says why not."""
import os
import signal
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from prcl_mmseg.engine import CheckpointHook

RANDOM = '''
weak = [dict(type='RandomCrop', crop_size=(24, 24)),
        dict(type='RandomFlip', prob=0.5), pack]
model['crop_size'] = (24, 24)
train_dataloader['dataset']['labeled']['pipeline'] = [
    load, dict(type='LoadAnnotations'), *weak]
train_dataloader['dataset']['unlabeled']['pipeline'] = [load, *weak]
'''


def build_runner(path: str, work_dir, **options) -> Runner:
    cfg = Config.fromfile(path)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = f'{work_dir}_{len(options)}_{os.urandom(4).hex()}'
    cfg.merge_from_dict(options)
    return Runner.from_cfg(cfg)


def weights(folder: Path, step: int = 4) -> dict:
    return torch.load(folder / f'iter_{step}.pth')['state_dict']


def assert_equal(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def log_of(runner: Runner) -> str:
    return (Path(runner.log_dir) / f'{runner.timestamp}.log').read_text()


class AtIteration(Hook):
    """Does something in the middle of an iteration, or of a validation."""

    def __init__(self, iteration: int, action, point: str = 'train') -> None:
        self.iteration, self.action, self.point = iteration, action, point

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if self.point == 'train' and runner.iter == self.iteration:
            self.action()

    def before_val_iter(self, runner, batch_idx, data_batch=None) -> None:
        if self.point == 'val' and runner.iter == self.iteration:
            self.action()


def send(name: str):
    return lambda: os.kill(os.getpid(), getattr(signal, name))


def stop(runner: Runner, iteration: int, name: str,
         point: str = 'train') -> int:
    """Send a signal to a training; its exit code."""
    runner.register_hook(AtIteration(iteration, send(name), point))
    with pytest.raises(SystemExit) as end:
        runner.train()
    return end.value.code


@pytest.fixture
def handlers():
    """Signals are listened to as before."""
    names = ('SIGTERM', 'SIGINT', 'SIGUSR1')
    before = {name: signal.getsignal(getattr(signal, name)) for name in names}
    yield before
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


def test_a_signal_saves_and_the_rest_is_equal(write_config, tmp_path,
                                              handlers):
    path, work = write_config(extra=RANDOM), tmp_path / 'work'
    build_runner(path, tmp_path / 'whole').train()
    # Between two regular checkpoints.
    stop(build_runner(path, work), 2, 'SIGTERM')
    build_runner(path, work, resume=True).train()
    assert_equal(weights(tmp_path / 'whole'), weights(work))


@pytest.mark.parametrize('name', ['SIGTERM', 'SIGINT', 'SIGUSR1'])
def test_the_exit_code_and_the_log(write_config, tmp_path, name, handlers):
    work = tmp_path / 'work'
    runner = build_runner(write_config('supervised'), work)
    assert stop(runner, 0, name) == 128 + getattr(signal, name)
    assert (work / 'last_checkpoint').read_text() == str(work / 'iter_1.pth')
    log = log_of(runner)
    assert f'{name}: saved {work}/iter_1.pth' in log and '--resume' in log


def test_a_signal_of_the_config_is_one_of_the_system(write_config, tmp_path):
    with pytest.raises(ValueError, match="'USR1', which is no signal"):
        build_runner(
            write_config(), tmp_path,
            custom_hooks=[dict(type='SaveOnSignalHook', signals=['USR1'])])


def test_a_signal_breaks_a_validation_off(write_config, tmp_path, handlers):
    options = {
        'train_cfg.val_interval': 3,
        'default_hooks.checkpoint.save_best': 'mIoU'
    }
    path, work = write_config(), tmp_path / 'work'
    assert stop(build_runner(path, work, **options), 3, 'SIGTERM', 'val')
    assert not list(work.glob('best_*'))
    resumed = build_runner(path, work, resume=True, **options)
    resumed.train()
    assert 'validation of iteration 3 is taken now' in log_of(resumed)
    assert len(list(work.glob('best_*'))) == 1


def test_a_validation_counts_once(write_config, tmp_path):
    # The first validation is a best, after which its checkpoint is rewritten.
    path = write_config(extra='''
param_scheduler = [dict(type='ReduceOnPlateauLR', monitor='mIoU',
                        rule='greater', patience=1, factor=0.1)]
train_cfg.update(max_iters=3, val_interval=1)
default_hooks['checkpoint'].update(interval=1, save_best='mIoU')
''')
    work = tmp_path / 'work'
    build_runner(path, work).train()
    last = work / 'iter_3.pth'
    before = torch.load(last)['param_schedulers'][0]['last_step']
    (work / 'last_checkpoint').write_text(str(work / 'iter_1.pth'))
    resumed = build_runner(path, work, resume=True)
    resumed.train()
    assert 'is taken now' not in log_of(resumed)
    assert torch.load(last)['param_schedulers'][0]['last_step'] == before


def test_a_step_in_the_middle_is_told(write_config, tmp_path):
    path, work = write_config(), tmp_path / 'work'
    options = {
        'optim_wrapper.accumulative_counts': 2,
        'default_hooks.checkpoint.interval': 1
    }
    build_runner(path, work, **options).train()
    for step, told in ((2, False), (3, True)):
        (work / 'last_checkpoint').write_text(str(work / f'iter_{step}.pth'))
        resumed = build_runner(path, work, resume=True, **options)
        resumed.train()
        log = log_of(resumed)
        assert ('accumulative_counts=2 batches: the gradient of the first 1 '
                'is lost' in log) == told


def test_an_accumulation_is_ended_first(write_config, tmp_path, handlers):
    path, work = write_config(), tmp_path / 'work'
    options = {
        'optim_wrapper.accumulative_counts': 2,
        'default_hooks.checkpoint.interval': 4
    }
    build_runner(path, tmp_path / 'whole', **options).train()
    stop(build_runner(path, work, **options), 0, 'SIGTERM')
    assert (work / 'iter_2.pth').exists()
    assert not (work / 'iter_1.pth').exists()
    build_runner(path, work, resume=True, **options).train()
    assert_equal(weights(tmp_path / 'whole'), weights(work))


def test_signals_are_given_back(write_config, tmp_path, handlers):
    build_runner(write_config(), tmp_path / 'work').train()
    for name, handler in handlers.items():
        assert signal.getsignal(getattr(signal, name)) == handler


EPOCHS = """
train_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=3)
train_dataloader.update(sampler=dict(type='DefaultSampler', shuffle=True))
"""


def test_epochs_validate_once_and_are_listened_to(write_config, tmp_path,
                                                  handlers):
    validations = []
    runner = build_runner(write_config(extra=EPOCHS), tmp_path / 'work')
    runner.register_hook(
        AtIteration(3, lambda: validations.append(runner.epoch), 'val'))
    # Three items in an epoch, three images to validate.
    assert stop(runner, 7, 'SIGTERM') == 128 + signal.SIGTERM
    assert validations == [1] * 3
    for name, handler in handlers.items():
        signal.signal(getattr(signal, name), handler)


def test_overwrite_deletes_once_the_training_begins(write_config, tmp_path):
    path, work = write_config('supervised'), tmp_path / 'work'
    build_runner(path, work).train()

    def overwrite(**options) -> Runner:
        runner = build_runner(path, work, **options)
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook):
                hook.overwrite = True
        return runner

    with pytest.raises(ValueError, match='num_classes'):
        overwrite(**{'model.num_classes': 4}).train()
    assert (work / 'iter_4.pth').exists()
    overwrite(**{'train_cfg.max_iters': 2}).train()
    assert (work / 'iter_2.pth').exists()
    assert not (work / 'iter_4.pth').exists()


def test_a_run_without_seed_keeps_its_order(write_config, tmp_path):
    """The seed that was drawn is the checkpoint's."""
    path, work = write_config(extra='\ndel randomness\n'), tmp_path / 'work'
    whole = build_runner(path, work)
    whole.train()
    end = weights(work)
    (work / 'iter_4.pth').unlink()
    resumed = build_runner(path, work, resume=True)
    assert resumed.seed != whole.seed
    resumed.train()
    assert_equal(end, weights(work))


def test_the_newest_intact_checkpoint_is_found(write_config, tmp_path):
    path, work = write_config(), tmp_path / 'work'
    build_runner(path, work).train()
    end, torn = weights(work), work / 'iter_4.pth'
    torn.write_bytes(torn.read_bytes()[:1000])
    (work / 'iter_4.pth.1.part').touch()
    resumed = build_runner(path, work, resume=True)
    resumed.train()
    log = log_of(resumed)
    assert f"'{torn}': it cannot be loaded" in log
    assert f'newest intact checkpoint, {work}/iter_2.pth' in log
    assert_equal(end, weights(work))
    assert not list(work.glob('*.part'))


def test_a_whole_checkpoint_at_every_moment(write_config, tmp_path,
                                            monkeypatch):
    """Also while the only one that is kept makes way for the next."""
    work, seen = tmp_path / 'work', []
    runner = build_runner(
        write_config(), work, **{
            'train_cfg.val_interval': 1,
            'default_hooks.checkpoint.interval': 1,
            'default_hooks.checkpoint.max_keep_ckpts': 1,
            'default_hooks.checkpoint.save_best': 'mIoU'
        })
    scores = iter([1., 2., 2., 3.])
    monkeypatch.setattr(runner.val_loop, '_evaluate',
                        lambda: dict(mIoU=next(scores)))
    remove = os.remove

    def watch(path, **options) -> None:
        seen.append(Path(path).name)
        # What is removed is not the last of its kind.
        kind = 'best_*.pth' if 'best' in str(path) else 'iter_*.pth'
        assert len(list(work.glob(kind))) == 2
        assert Path((work / 'last_checkpoint').read_text()) != Path(path)
        remove(path, **options)

    monkeypatch.setattr(os, 'remove', watch)
    runner.train()
    assert seen == [
        'iter_1.pth', 'best_mIoU_iter_1.pth', 'iter_2.pth', 'iter_3.pth',
        'best_mIoU_iter_2.pth'
    ]
    assert {path.name for path in work.glob('*.pth')} == \
        {'iter_4.pth', 'best_mIoU_iter_4.pth'}
    info = torch.load(work / 'iter_4.pth')['message_hub']['runtime_info']
    assert info['best_ckpt'] == str(work / 'best_mIoU_iter_4.pth')
    assert info['keep_ckpt_ids'] == [4]


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> Path:
    """The work dir of a finished training, made by the first who asks."""
    return tmp_path_factory.mktemp('trained')


@pytest.fixture
def resume(write_config, trained):
    """A function that resumes that training, a little changed."""

    def start(method: str = 'prcl', checkpoint: str = 'iter_2.pth',
              extra: str = '', change=None, **options) -> Runner:
        if not (trained / 'iter_4.pth').exists():
            build_runner(write_config(), trained).train()
        path = trained / checkpoint
        if change is not None:
            content = torch.load(trained / 'iter_2.pth')
            change(content)
            torch.save(content, path)
        runner = build_runner(
            write_config(method, extra=extra),
            trained / 'again',
            resume=True,
            load_from=str(path),
            **options)
        runner.train()
        return runner

    return start


SGD = ("\noptim_wrapper = dict(optimizer=dict(\n"
       "    _delete_=True, type='SGD', lr=0.1, momentum=0.9,\n"
       "    weight_decay=0.))\n")


@pytest.mark.parametrize('settings, message', [
    (dict(checkpoint='published.pth',
          change=lambda content: content.pop('optimizer')),
     r'published\.pth cannot be resumed, because it has no optimizer'),
    (dict(method='mean_teacher'), 'another method.*unknown'),
    (dict(method='supervised', extra=SGD), 'another method'),
    (dict(extra="\nmodel['segmentor']['decode_head']['channels'] = 12\n"),
     'another method.*differently shaped'),
    (dict(extra=SGD), r'another optimizer.*betas.*momentum'),
])
def test_what_cannot_go_on(resume, settings, message):
    with pytest.raises(ValueError, match=message) as error:
        resume(**settings)
    assert 'load_from' in str(error.value)


def test_more_iterations_follow_the_schedule_of_the_config(resume):
    runner = resume(checkpoint='iter_4.pth', **{'train_cfg.max_iters': 8})
    log = log_of(runner)
    assert 'train_cfg.max_iters=8' in log and 'which was 0' in log
    rates = [
        float(line.split(' lr: ')[1].split()[0]) for line in log.splitlines()
        if ' lr: ' in line
    ]
    # A polynomial of 8 steps, from the fifth on.
    expected = [1e-2 * (1 - step / 7)**0.9 for step in (4, 5, 6, 7)]
    assert rates == pytest.approx(expected, rel=1e-2, abs=1e-6)


def test_another_schedule_of_the_same_length_counts(resume):
    runner = resume(**{'param_scheduler.0.power': 3.})
    log = log_of(runner)
    assert 'another one than the config' in log
    rates = [
        float(line.split(' lr: ')[1].split()[0]) for line in log.splitlines()
        if ' lr: ' in line
    ]
    expected = [1e-2 * (1 - step / 3)**3 for step in (2, 3)]
    assert rates == pytest.approx(expected, rel=1e-2, abs=1e-6)
    assert 'another one than the config' not in log_of(resume())


def test_a_finished_training_says_so(resume):
    runner = resume(checkpoint='iter_4.pth')
    assert 'is the end of its training: 4 iterations' in log_of(runner)
    assert 'Iter(train)' not in log_of(runner)


@pytest.mark.parametrize('settings, message', [
    (dict(change=lambda content: content['meta'].update(processes=2)),
     'with 2 process(es), and goes on with 1'),
    ({'train_dataloader.batch_size': 3}, 'with 2 item(s) per process')])
def test_what_is_different_is_said(resume, settings, message):
    assert message in log_of(resume(**settings))
