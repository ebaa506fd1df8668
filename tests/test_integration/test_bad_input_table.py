# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Bad input ends before the first step, in a message that names the cure."""
import importlib.util
import shlex
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from bad_inputs import COMMANDS, FILES, LINES, OPTIONS
from mmengine.model import BaseModel

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


class Accepted(Exception):
    """A step was taken."""


@pytest.fixture
def message(monkeypatch, capsys, tmp_path):
    """A function that runs a tool and gives the message that ends it."""

    def first_step(*args, **kwargs):
        raise Accepted

    for step in ('train_step', 'val_step', 'test_step'):
        monkeypatch.setattr(BaseModel, step, first_step)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    monkeypatch.chdir(tmp_path)

    def run(path: str, *arguments) -> str:
        spec = importlib.util.spec_from_file_location('tool', TOOLS / path)
        tool = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, 'tool', tool)
        spec.loader.exec_module(tool)
        monkeypatch.setattr(sys, 'argv', [path, *map(str, arguments)])
        try:
            tool.main()
        except Accepted:
            pytest.fail('accepted: a step was taken')
        except SystemExit as end:
            assert end.code, 'accepted: exit code 0'
            text = end.code if isinstance(end.code, str) else ''
            return text + capsys.readouterr().err
        except Exception as error:
            return str(error)
        pytest.fail('accepted: the tool came to its end')

    return run


def plain(text: str) -> str:
    """Without spaces and quotes, which differ where values are printed."""
    return text.translate(str.maketrans('', '', ' \'"'))


def assert_words(text: str, words: list) -> None:
    missing = [word for word in words if word not in text]
    assert not missing, f'bare: {missing} not in: {text[-400:]}'


@pytest.mark.parametrize(
    'row', [row for rows in OPTIONS.values() for row in rows],
    ids=lambda row: row[0])
def test_setting(row, write_config, message):
    *options, cure = row
    text = message('train.py', write_config(), '--cfg-options', *options)
    key, value = options[0].split('=', 1)
    assert_words(
        plain(text),
        [key.split('.')[-1],
         *([] if value == 'None' else [plain(value)]),
         plain(cure)])


@pytest.mark.parametrize('row', LINES, ids=lambda row: row[0])
def test_config(row, write_config, message):
    _, lines, *words = row
    assert_words(
        message('train.py', write_config(extra='\n' + lines)), words)


@pytest.mark.parametrize(
    'row', FILES, ids=lambda row: f'{row[0]}={row[1]!r}')
def test_file(row, write_config, scene_folder, message, tmp_path):
    name, content, *words = row
    shutil.copytree(scene_folder, 'scenes')
    path = tmp_path / 'scenes' / name
    path.unlink()
    if isinstance(content, int):
        cv2.imwrite(str(path), np.full((32, 32), content, np.uint8))
    elif content is not None:
        path.write_bytes(
            content.encode() if isinstance(content, str) else content)
    assert_words(
        message('train.py', write_config(data=tmp_path / 'scenes')), words)


@pytest.mark.parametrize('row', COMMANDS, ids=lambda row: row[0])
def test_command(row, write_config, scene_folder, message, tmp_path):
    (tmp_path / 'syntax.py').write_text('model = dict(')
    (tmp_path / 'no_base.py').write_text("_base_ = 'nowhere_base.py'")
    torch.save(dict(state_dict=dict(weight=torch.zeros(1))), 'weights.pth')
    files = dict(
        config=write_config(),
        folder=scene_folder,
        weights='weights.pth',
        syntax='syntax.py',
        no_base='no_base.py')
    command, *words = (part.format(**files) for part in row)
    assert_words(message(*shlex.split(command)), words)
