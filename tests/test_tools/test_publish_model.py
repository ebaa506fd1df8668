# Copyright (c) prcl_mmseg authors. All rights reserved.
import hashlib
import subprocess
import sys

import pytest
import torch
from mmengine.runner import load_checkpoint
from mmseg.apis import init_model

LOAD = '''
import sys, torch
content = torch.load(sys.argv[1], weights_only=True)
print(sorted(content), sorted(content['meta']))
'''


def test_published_checkpoint(experiment, call_tool, tmp_path, capsys):
    call_tool('misc/publish_model.py', experiment.checkpoint,
              tmp_path / 'prcl_tiny.pth')
    path, = tmp_path.glob('*.pth')
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f'prcl_tiny-{digest[:8]}.pth'
    # Tensors and plain values alone: torch needs no permission to load it.
    result = subprocess.run([sys.executable, '-c', LOAD, str(path)],
                            capture_output=True, text=True, timeout=300)
    assert result.stdout.split('\n')[0] == (
        "['meta', 'state_dict'] ['dataset_meta', 'iter', "
        "'prcl_mmseg_version']"), result.stderr[-2000:]

    before = torch.load(experiment.checkpoint)['state_dict']
    after = torch.load(path)['state_dict']
    assert set(before) - set(after) == {'networks.teacher.steps'}
    assert all(torch.equal(before[name], after[name]) for name in after)
    # It loads as any checkpoint does, with nothing missing.
    model = init_model(experiment.config, None, 'cpu')
    capsys.readouterr()
    load_checkpoint(model, str(path), strict=True)
    assert 'missing' not in capsys.readouterr().out
    assert int(model.teacher.steps) == 0


def test_missing_checkpoint_is_named(call_tool, capsys):
    with pytest.raises(SystemExit):
        call_tool('misc/publish_model.py', 'no.pth', 'out.pth')
    assert "'no.pth' does not exist" in capsys.readouterr().err


@pytest.mark.parametrize('tool, more', [
    ('misc/publish_model.py', ['{checkpoint}', '{out}/new.pth']),
    ('model_converters/export_segmentor.py',
     ['{config}', '{checkpoint}', '{out}']),
])
@pytest.mark.parametrize('content', ['nothing', 'empty', 'nan'])
def test_what_cannot_predict_is_not_given_away(experiment, call_tool, tmp_path,
                                               capsys, tool, more, content):
    checkpoint = torch.load(experiment.checkpoint)
    for weight in checkpoint['state_dict'].values():
        if weight.is_floating_point():
            weight.view(-1)[:1] = float('nan')
    if content != 'nan':
        checkpoint = dict(state_dict={}) if content == 'empty' else {}
    torch.save(checkpoint, tmp_path / 'broken.pth')
    arguments = [
        word.format(config=experiment.config, out=tmp_path / 'out',
                    checkpoint=tmp_path / 'broken.pth') for word in more
    ]
    with pytest.raises((SystemExit, ValueError)) as stopped:
        call_tool(tool, *arguments)
    said = str(stopped.value) + capsys.readouterr().err
    assert 'broken.pth' in said
    assert ('NaN' if content == 'nan' else 'weights') in said or (
        'state_dict' in said)
    assert not list(tmp_path.glob('out/*.pth'))
