# Copyright (c) prcl_mmseg authors. All rights reserved.
"""From where an interrupted training can go on without a loss."""
import json
import zipfile

import pytest
from experiments.work_dir import WorkDir
from mmengine.config import Config

CONFIG = Config(
    dict(
        train_cfg=dict(max_iters=5, val_interval=2),
        default_hooks=dict(checkpoint=dict(save_best='mIoU'))))


def save(path) -> None:
    with zipfile.ZipFile(path, 'w') as file:
        file.writestr('data', 'x' * 100)


def validate(folder, step: int, score: float, run: str = 'a') -> None:
    logs = folder / run / 'vis_data'
    logs.mkdir(parents=True, exist_ok=True)
    with open(logs / 'scalars.json', 'a') as file:
        file.write(json.dumps(dict(mIoU=score, step=step, time=0.1)) + '\n')


@pytest.fixture
def trained(tmp_path):
    """Steps 1 to 5 with checkpoints; validated at 2, 4 and the last, 5."""
    for step in range(1, 6):
        save(tmp_path / f'iter_{step}.pth')
    for step, score in ((2, 30), (4, 50), (5, 50)):
        validate(tmp_path, step, score)
    save(tmp_path / 'best_mIoU_iter_4.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_5.pth'))
    return tmp_path


def test_a_whole_training(trained):
    state = WorkDir(trained, CONFIG)
    assert state.resumable() == 5
    # The first of equal scores, as MMEngine's hook keeps it.
    assert state.best_step() == 4
    assert state.validations()[4] == dict(mIoU=50)


@pytest.mark.parametrize('settings', [
    dict(rule='less'), dict(save_best='loss'), dict(save_best='val/loss_ce')])
def test_the_least_may_be_the_best(tmp_path, settings):
    config = CONFIG.copy()
    config.default_hooks = dict(
        checkpoint=dict(dict(save_best='mIoU'), **settings))
    name = config.default_hooks.checkpoint.save_best
    logs = tmp_path / 'a/vis_data'
    logs.mkdir(parents=True)
    (logs / 'scalars.json').write_text('\n'.join(
        json.dumps({name: score, 'step': step})
        for step, score in ((2, 30), (4, 20), (5, 50))))
    assert WorkDir(tmp_path, config).best_step() == 4


def test_nothing(tmp_path):
    assert WorkDir(tmp_path, CONFIG).resumable() is None
    assert WorkDir(tmp_path, CONFIG).rewind() == 0


def test_a_torn_checkpoint_is_no_checkpoint(trained):
    path = trained / 'iter_5.pth'
    path.write_bytes(path.read_bytes()[:60])
    assert WorkDir(trained, CONFIG).rewind() == 4
    assert (trained / 'last_checkpoint').read_text().endswith('iter_4.pth')


def test_a_validation_that_was_cut_is_taken_again(tmp_path):
    for step in (1, 2, 3, 4):
        save(tmp_path / f'iter_{step}.pth')
    validate(tmp_path, 2, 30)
    save(tmp_path / 'best_mIoU_iter_2.pth')
    assert WorkDir(tmp_path, CONFIG).rewind() == 3


def test_a_best_checkpoint_that_was_not_saved_is_won_again(trained):
    (trained / 'best_mIoU_iter_4.pth').unlink()
    save(trained / 'best_mIoU_iter_2.pth')
    assert WorkDir(trained, CONFIG).rewind() == 3
    assert (trained / 'best_mIoU_iter_2.pth').exists()


def test_what_lies_after_the_restart_is_forgotten(trained):
    """Else --resume would find it, intact or not."""
    for step in (1, 2, 3, 4, 5):
        (trained / f'iter_{step}.pth').write_bytes(b'PK')
    assert WorkDir(trained, CONFIG).rewind() == 0
    assert not (trained / 'last_checkpoint').exists()
    assert not list(trained.glob('*.pth'))


def test_the_later_validation_counts(trained):
    validate(trained, 4, 20, run='b')
    assert WorkDir(trained, CONFIG).validations()[4] == dict(mIoU=20)


def test_a_torn_line_is_skipped(trained):
    with open(trained / 'a/vis_data/scalars.json', 'a') as file:
        file.write('{"mIoU": 3')
    assert len(WorkDir(trained, CONFIG).validations()) == 3


def test_monitors_are_means_over_quarters(tmp_path):
    logs = tmp_path / 'a/vis_data'
    logs.mkdir(parents=True)
    records = [
        dict(step=step, iter=step, loss=float(step)) for step in (1, 2, 3, 5)
    ]
    # Another hook, and step 3 once more, after a cut.
    records += [dict(step=5, iter=5, share=0.5)]
    records += [dict(step=3, iter=3, loss=30.0, late=1.0)]
    records += [dict(step=4, mIoU=50.0)]
    (logs / 'scalars.json').write_text('\n'.join(map(json.dumps, records)))
    # Quarters of 5 steps: 1 and 2, 3, 4, 5.
    assert WorkDir(tmp_path, CONFIG).monitors() == dict(
        late=[None, 1.0, None, None],
        loss=[1.5, 30.0, None, 5.0],
        share=[None, None, None, 0.5])
