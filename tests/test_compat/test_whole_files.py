# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A file appears under its name when it is complete."""
import os

import pytest
import torch
from mmengine.fileio import put, put_text
from mmengine.runner import save_checkpoint

from prcl_mmseg.compat import UNFINISHED, whole_file
from prcl_mmseg.compat.whole_files import write_together


@pytest.mark.parametrize('write, content', [
    (put, b'new'), (put_text, 'new'),
    (lambda content, path: save_checkpoint(content, path), dict(a=1))])
def test_mmengine_replaces_files_as_a_whole(tmp_path, monkeypatch, write,
                                            content):
    path, seen = tmp_path / 'iter_2.pth', []
    path.write_bytes(b'old')
    replace = os.replace

    def watch(draft: str, target: str) -> None:
        seen.append((path.read_bytes(), os.path.getsize(draft)))
        replace(draft, target)

    monkeypatch.setattr(os, 'replace', watch)
    write(content, str(path))
    (before, size), = seen
    assert before == b'old' and size == path.stat().st_size
    assert [each.name for each in tmp_path.iterdir()] == ['iter_2.pth']
    if isinstance(content, dict):
        assert torch.load(path) == content


def test_an_error_leaves_the_earlier_file(tmp_path):
    path = tmp_path / 'iter_2.pth'
    path.write_bytes(b'old')
    with pytest.raises(OSError, match='full'):
        with whole_file(path) as file:
            file.write(b'ne')
            raise OSError('the disk is full')
    assert path.read_bytes() == b'old'
    assert len(list(tmp_path.iterdir())) == 1


def test_a_draft_is_no_checkpoint(tmp_path):
    with whole_file(tmp_path / 'iter_2.pth'):
        draft, = tmp_path.iterdir()
        assert draft.name.endswith(UNFINISHED)
        assert not list(tmp_path.glob('*.pth'))


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / 'file').write_text('old')
    (tmp_path / 'link').symlink_to('file')
    put_text('new', tmp_path / 'link')
    assert (tmp_path / 'link').is_symlink()
    assert (tmp_path / 'file').read_text() == 'new'


def test_files_that_belong_together(tmp_path, monkeypatch):
    (tmp_path / 'one').write_text('old')
    (tmp_path / 'two').symlink_to('one')
    contents = {tmp_path / name: name.encode() for name in ('one', 'two')}
    replace = os.replace
    write_together(contents)
    assert (tmp_path / 'two').read_text() == 'two'
    assert not (tmp_path / 'two').is_symlink()
    # The disk is full at the second file.
    monkeypatch.setattr(os, 'replace', lambda *_: pytest.fail('too early'))
    with pytest.raises(TypeError):
        write_together({**contents, tmp_path / 'one': b'new',
                        tmp_path / 'two': None})
    monkeypatch.setattr(os, 'replace', replace)
    assert (tmp_path / 'one').read_text() == 'one'
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_no_file_is_not_replaced():
    put_text('new', '/dev/null')
    assert not os.path.isfile('/dev/null')


def test_folders_are_made_and_names_may_be_bare(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(b'a', 'bare')
    put(b'a', 'sub/name')
    assert (tmp_path / 'sub/name').read_bytes() == b'a'
    # As permitted as any other file.
    (tmp_path / 'plain').touch()
    assert (tmp_path / 'bare').stat().st_mode == \
        (tmp_path / 'plain').stat().st_mode
