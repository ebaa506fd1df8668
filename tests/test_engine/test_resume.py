# Copyright (c) prcl_mmseg authors. All rights reserved.
"""From which checkpoint a training goes on."""
import shutil

import pytest
import torch
from mmengine.config import Config

from prcl_mmseg.engine.resume import (choose_start, delete_checkpoints,
                                      fault_of, find_resumable,
                                      saved_checkpoints)


def save(path, step: int, **changes) -> None:
    content = dict(
        meta=dict(iter=step, epoch=0),
        state_dict=dict(weight=torch.ones(100)),
        optimizer=dict(state={}, param_groups=[]),
        message_hub=dict(log_scalars={}))
    content.update(changes)
    torch.save({k: v for k, v in content.items() if v is not None}, path)


@pytest.fixture
def work(tmp_path):
    """Three checkpoints, of which the last is the newest."""
    folder = tmp_path / 'work'
    folder.mkdir()
    for step in (2, 4, 10):
        save(folder / f'iter_{step}.pth', step)
    (folder / 'last_checkpoint').write_text(str(folder / 'iter_10.pth'))
    return folder


def tear(path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def hollow(path) -> None:
    """As long as it was, but empty, as some file systems leave it."""
    path.write_bytes(bytes(path.stat().st_size))


def flip(path) -> None:
    """One wrong byte among the weights."""
    content = path.read_bytes()
    place = content.index(torch.ones(100).numpy().tobytes()) + 40
    path.write_bytes(content[:place] + b'\xff' + content[place + 1:])


@pytest.mark.parametrize('pointer', [
    b'', b'\xff\x00\xfe' * 9, b'work/iter_99.pth', b'.', b'x' * 9999, None],
    ids=['empty', 'binary', 'missing', 'folder', 'long', 'gone'])
def test_a_spoiled_pointer(work, pointer):
    (work / 'last_checkpoint').unlink()
    if pointer is not None:
        (work / 'last_checkpoint').write_bytes(pointer)
    start = find_resumable(str(work))
    assert start.resume and start.load_from == str(work / 'iter_10.pth')
    assert 'last_checkpoint' in start.notes[0]
    assert start.load_from in start.notes[-1]


@pytest.mark.parametrize('spoil', [tear, hollow, flip, lambda p: p.unlink()])
def test_a_spoiled_checkpoint(work, spoil):
    spoil(work / 'iter_10.pth')
    start = find_resumable(str(work))
    assert start.load_from == str(work / 'iter_4.pth')
    assert 'iter_10.pth' in start.notes[0]


def test_the_pointer_is_followed(work):
    (work / 'last_checkpoint').write_text(str(work / 'iter_4.pth'))
    assert find_resumable(str(work)) == (True, str(work / 'iter_4.pth'), [])


def test_a_copied_folder_does_not_lead_back(work, tmp_path):
    shutil.copytree(work, tmp_path / 'copy')
    start = find_resumable(str(tmp_path / 'copy'))
    assert start == (True, str(tmp_path / 'copy/iter_10.pth'), [])


def test_none_is_intact(work):
    for path in work.glob('*.pth'):
        tear(path)
    with pytest.raises(ValueError) as error:
        find_resumable(str(work))
    for name in ('iter_2.pth', 'iter_4.pth', 'iter_10.pth', '--overwrite'):
        assert name in str(error.value)


def test_a_best_checkpoint_alone_is_named(tmp_path):
    save(tmp_path / 'best_mIoU_iter_4.pth', 4, optimizer=None)
    with pytest.raises(ValueError, match='best_mIoU_iter_4.*no optimizer'):
        find_resumable(str(tmp_path))


def test_a_moved_folder(work, tmp_path):
    shutil.move(str(work), str(tmp_path / 'moved'))
    start = find_resumable(str(tmp_path / 'moved'))
    assert start.load_from == str(tmp_path / 'moved/iter_10.pth')


@pytest.mark.parametrize('changes, message', [
    (dict(optimizer=None), 'no optimizer'),
    (dict(state_dict={}), 'no state_dict'),
    (dict(meta=dict(epoch=0)), r'no meta\.iter'),
    (dict(meta=dict(epoch=0, iter=-3)), r'no meta\.iter'),
    (dict(state_dict=dict(w=torch.tensor(float('nan')))), 'NaN .* in w'),
    (dict(meta=None), r'no meta\.iter, meta\.epoch')])
def test_what_resuming_needs(tmp_path, changes, message):
    save(tmp_path / 'iter_2.pth', 2)
    assert fault_of(str(tmp_path / 'iter_2.pth')) is None
    save(tmp_path / 'iter_2.pth', 2, **changes)
    with pytest.raises(ValueError, match=message):
        find_resumable(str(tmp_path))


def test_what_is_no_checkpoint_of_a_training(tmp_path):
    for name in ('resnet_50.pth', 'model_0.pth', 'iter_4-12345678.pth',
                 'iter_4.pth.7.part',
                 'iter_x.pth'):
        (tmp_path / name).touch()
    assert saved_checkpoints(str(tmp_path)) == []
    assert find_resumable(str(tmp_path)) is None


def test_deleting_spares_other_files(work):
    (work / 'resnet50.pth').touch()
    delete_checkpoints(str(work), str(work))
    assert [path.name for path in work.iterdir()] == ['resnet50.pth']


@pytest.mark.parametrize('explicit', [True, False])
def test_load_from_beside_checkpoints(work, tmp_path, explicit):
    """What the command line names is resumed; a config's is a beginning."""
    cfg = Config(dict(work_dir=str(work), load_from='other.pth'))
    start = choose_start(cfg, explicit)
    assert start.resume
    assert start.load_from == ('other.pth' if explicit else
                               str(work / 'iter_10.pth'))


@pytest.mark.parametrize('optimizer, resume', [({1: 2}, True), (None, False)])
def test_load_from_of_a_config_without_checkpoints(tmp_path, optimizer,
                                                   resume):
    path = str(tmp_path / 'other.pth')
    save(path, 2, optimizer=optimizer)
    cfg = Config(dict(work_dir=str(tmp_path / 'new'), load_from=path))
    start = choose_start(cfg, False)
    assert (start.resume, start.load_from) == (resume, path)
    assert 'has no checkpoint yet' in start.notes[0]
    assert ('no optimizer' in start.notes[0]) != resume


def test_nothing_to_resume(tmp_path):
    start = choose_start(Config(dict(work_dir=str(tmp_path))), False)
    assert (start.resume, start.load_from) == (False, None)
    assert 'at iteration 0' in start.notes[0]
