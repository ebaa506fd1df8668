# Copyright (c) prcl_mmseg authors. All rights reserved.
"""No way of loading a checkpoint runs what the file asks for."""
import io
import os
import pickle
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from pickle import UnpicklingError
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.optim import OneCycleLR
from mmengine.runner import (CheckpointLoader, Runner, checkpoint,
                             load_checkpoint)
from mmseg.apis import MMSegInferencer, init_model

from prcl_mmseg.compat.checkpoints import TRUST


class Command:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.system, (f'touch {self.mark}', )


def reduce(good: str, path: Path, mark: Path) -> None:
    content = torch.load(good, weights_only=False)
    content.setdefault('meta', {})['extra'] = Command(mark)
    torch.save(content, path)


def reach(good: str, path: Path, mark: Path) -> None:
    """From a function of PyTorch's, by getattr alone, to eval."""
    opcodes = io.BytesIO()

    def text(value: str) -> None:
        data = value.encode()
        opcodes.write(b'X' + struct.pack('<I', len(data)) + data)

    def name(module: str, attribute: str) -> None:
        opcodes.write(f'c{module}\n{attribute}\n'.encode())

    opcodes.write(b'\x80\x02}q\x00')
    text('x')
    name('builtins', 'getattr')
    name('torch._utils', '_rebuild_device_tensor_from_numpy')
    text('__globals__')
    opcodes.write(b'\x86Rs.')
    _replace_pickle(opcodes.getvalue(), path)


def _replace_pickle(content: bytes, path: Path) -> None:
    plain = io.BytesIO()
    torch.save(dict(a=torch.zeros(1)), plain)
    plain.seek(0)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(
            path, 'w', zipfile.ZIP_STORED) as target:
        for item in source.infolist():
            target.writestr(
                item, content if item.filename.endswith('data.pkl') else
                source.read(item.filename))


def resume(experiment, path: str) -> None:
    cfg = Config.fromfile(experiment.config)
    cfg.work_dir = str(Path(path).parent / 'work')
    cfg.experiment_name = f'hostile_{path}'
    runner = Runner.from_cfg(cfg)
    runner.resume(path)


def infer(experiment, path: str) -> None:
    MMSegInferencer(experiment.config, path, device='cpu')


def by_tool(script: str, *options: str):

    def load(experiment, path: str, call_tool) -> None:
        words = dict(
            config=experiment.config,
            checkpoint=path,
            images=experiment.folder / 'images',
            out=Path(path).parent / 'out')
        call_tool(script, *(option.format(**words) for option in options))

    return load


WAYS = dict(
    torch=lambda experiment, path: torch.load(path, weights_only=True),
    loader=lambda experiment, path: CheckpointLoader.load_checkpoint(path),
    load_checkpoint=lambda experiment, path: load_checkpoint(
        torch.nn.Linear(1, 1), path),
    init_model=lambda experiment, path: init_model(
        experiment.config, path, 'cpu'),
    inferencer=infer,
    resume=resume)
TOOLS = dict(
    export=by_tool('model_converters/export_segmentor.py', '{config}',
                   '{checkpoint}', '{out}'),
    publish=by_tool('misc/publish_model.py', '{checkpoint}', '{out}.pth'),
    visualize=by_tool('analysis_tools/visualize_uncertainty.py', '{config}',
                      '{checkpoint}', '--images', '{images}', '--out',
                      '{out}.png'),
    browse=by_tool('analysis_tools/browse_dataset.py', '{config}',
                   '--checkpoint', '{checkpoint}', '--out', '{out}'),
    test=by_tool('test.py', '{config}', '{checkpoint}', '--work-dir',
                 '{out}'))


@pytest.mark.parametrize('hostile', [reduce, reach])
@pytest.mark.parametrize('way', WAYS)
def test_it_is_refused(experiment, tmp_path, way, hostile):
    path, mark = tmp_path / 'hostile.pth', tmp_path / 'ran'
    hostile(experiment.checkpoint, path, mark)
    with pytest.raises(Exception) as error:
        WAYS[way](experiment, str(path))
    assert not mark.exists()
    if way != 'torch':
        message = str(error.value)
        assert str(path) in message and TRUST in message
        assert ('system' if hostile is reduce else 'getattr') in message


@pytest.mark.parametrize('address', ['s3://bucket/hostile.pth',
                                     'petrel://bucket/hostile.pth',
                                     'openmmlab://hostile'])
def test_it_is_refused_from_other_places(experiment, tmp_path, monkeypatch,
                                         address):
    path, mark = tmp_path / 'hostile.pth', tmp_path / 'ran'
    reduce(experiment.checkpoint, path, mark)
    monkeypatch.setattr(
        checkpoint, 'get_file_backend', lambda *_, **__: SimpleNamespace(
            get=lambda _: path.read_bytes()))
    monkeypatch.setattr(checkpoint, 'get_external_models',
                        lambda: dict(hostile=path.name))
    monkeypatch.setattr(checkpoint, '_get_mmengine_home', lambda: tmp_path)
    with pytest.raises(UnpicklingError, match=TRUST):
        CheckpointLoader.load_checkpoint(address)
    assert not mark.exists()


@pytest.mark.parametrize('tool', TOOLS)
def test_tools_refuse_it(experiment, tmp_path, call_tool, tool, capsys):
    path, mark = tmp_path / 'hostile.pth', tmp_path / 'ran'
    reduce(experiment.checkpoint, path, mark)
    with pytest.raises((Exception, SystemExit)) as error:
        TOOLS[tool](experiment, str(path), call_tool)
    assert not mark.exists()
    said = str(error.value) + capsys.readouterr().err
    assert str(path) in said and TRUST in said


@pytest.mark.parametrize('place', ['meta.config', 'meta.cfg', 'hub.cfg'])
def test_configs_of_a_checkpoint_are_not_executed(experiment, tmp_path,
                                                  place):
    """MMEngine runs them to resume, or to infer without a config."""
    path, mark = tmp_path / 'hostile.pth', tmp_path / 'ran'
    content = torch.load(experiment.checkpoint, weights_only=False)
    meta = content.setdefault('meta', {})
    meta.update(epoch=0, iter=1)
    hub = content.setdefault('message_hub', {})
    info = hub.setdefault('runtime_info', {})
    part, name = place.split('.')
    code = f'import os\nos.system("touch {mark}")\n'
    (meta if part == 'meta' else info)[name] = code
    torch.save(content, path)
    loaded = CheckpointLoader.load_checkpoint(str(path))
    assert 'state_dict' in loaded
    for load in (resume, lambda _, path: MMSegInferencer(
            weights=path, device='cpu')):
        with suppress(Exception):
            load(experiment, str(path))
        assert not mark.exists()


@pytest.mark.parametrize('content', [b'<html>', b'', b'PK\x03\x04cut',
                                     b'hello', b'weights'])
def test_a_damaged_file_is_called_damaged(tmp_path, content):
    path = tmp_path / 'damaged.pth'
    path.write_bytes(content)
    with pytest.raises(ValueError, match='damaged.pth is no checkpoint of '
                       'PyTorch, or is damaged') as error:
        CheckpointLoader.load_checkpoint(str(path))
    assert TRUST not in str(error.value)


@pytest.mark.parametrize('tool', ['export', 'publish', 'visualize'])
def test_tools_say_so_in_a_line(experiment, tmp_path, call_tool, tool,
                                capsys):
    path = tmp_path / 'damaged.pth'
    path.write_bytes(b'hello')
    with pytest.raises(SystemExit) as end:
        TOOLS[tool](experiment, str(path), call_tool)
    said = str(end.value) + capsys.readouterr().err
    assert 'damaged.pth is no checkpoint' in said


def test_who_trusts_a_file_can_load_it(experiment, tmp_path, monkeypatch):
    path, mark = tmp_path / 'own.pth', tmp_path / 'ran'
    reduce(experiment.checkpoint, path, mark)
    monkeypatch.setenv(TRUST, '1')
    assert 'state_dict' in CheckpointLoader.load_checkpoint(str(path))
    assert mark.exists()


@pytest.mark.parametrize('owner, name', [
    (HistoryBuffer, '__init__'), (HistoryBuffer, '_statistics_methods'),
    (dict, 'mean'), (torch, 'mean'), ([], 'mean')
])
def test_only_methods_that_are_named_are_resolved(owner, name):
    from prcl_mmseg.compat.checkpoints import _method_resolver
    resolve = _method_resolver({HistoryBuffer: ('mean', )})
    assert resolve(HistoryBuffer, 'mean') is HistoryBuffer.mean
    with pytest.raises(pickle.UnpicklingError, match=name):
        resolve(owner, name)


@pytest.mark.parametrize('strategy', ['cos', 'linear'])
def test_schedules_that_store_a_function_are_loaded(tmp_path, strategy):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    schedule = OneCycleLR(optimizer, eta_max=1.0, total_steps=10,
                          anneal_strategy=strategy)
    schedule.step()
    path = tmp_path / 'iter_1.pth'
    torch.save(dict(state_dict={}, param_schedulers=[schedule.state_dict()]),
               path)
    loaded, = CheckpointLoader.load_checkpoint(
        str(path))['param_schedulers']
    assert loaded == schedule.state_dict()
