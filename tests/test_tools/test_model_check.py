# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Networks of MMSegmentation and of this repository, step by step.

A few small ones of different structure always; all of them with
``PRCL_ALL_MODELS=1`` in the environment.
"""
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from mmengine.config import Config
from model_check import check_model, forget_weights, one_line

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'tools' / 'analysis_tools' / 'check_models.py'
METHODS = ROOT / 'configs' / '_base_' / 'methods'
# Auxiliary heads and a boundary head; two branches; mix transformer; a head
# with three outputs and edges to learn.
SAMPLED = {'stdc': 33, 'fast_scnn': 33, 'segformer_mit-b0': 33, 'cgnet': 33,
           'pidnet-s': 65}
# Why the others cannot.
CANNOT = {
    'san_vit-b16': 'MultimodalEncoderDecoder',
    'vpd_sd': 'DepthEstimator',
    'psanet_r50-d8': 'PSAMask',
}


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('check_models', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def method(name: str) -> dict:
    return Config.fromfile(METHODS / f'{name}.py').method


@pytest.mark.parametrize('name_of', ['prcl', 'prcl_unimatch_v2'])
@pytest.mark.parametrize('name', SAMPLED)
def test_sampled_networks(tool, name, name_of):
    network = tool.Network(tool.find_models()[name])
    result = tool.check_here(network, name_of, SAMPLED[name])
    assert result['reason'] is None
    assert result['train'] and result['predict'] and result['export']
    assert result['layer'] == 'conv_seg' and result['unused'] == 0


@pytest.mark.skipif(
    not os.environ.get('PRCL_ALL_MODELS'),
    reason='takes minutes; PRCL_ALL_MODELS=1 runs it')
@pytest.mark.parametrize(
    'name_of', ['prcl', 'prcl_unimatch_v2', 'mean_teacher', 'supervised'])
def test_all_networks(name_of):
    done = subprocess.run(
        [sys.executable, str(TOOL), '--json', '--method', name_of],
        stdout=subprocess.PIPE,
        text=True,
        check=True)
    results = json.loads(done.stdout)
    assert len(results) > 50
    for result in results:
        reason = CANNOT.get(result['name'])
        if result['name'] == 'psanet_r50-d8' and result['export']:
            continue
        if reason:
            assert reason in result['reason'], result
        else:
            assert result['export'], result


@pytest.mark.parametrize('name', [
    'supervised', 'fixmatch', 'mean_teacher', 'unimatch', 'unimatch_v2'])
def test_methods_without_embedding_have_no_feature_layer(name):
    result = check_model(tiny.segmentor(), method(name), (32, 32), 3)
    assert result['export'] and result['layer'] is None
    assert result['head'] == 'FCNHead'


@pytest.mark.parametrize('network, head, layer, channels', [
    (tiny.point_rend(), '[FCNHead] + PointHead', 'conv_seg', 8),
    (tiny.cascade(), 'FCNHead + [OCRHead]', 'conv_seg', 8),
    (tiny.segmentor(
        decode_head=tiny.segmenter_head(), auxiliary_head=None),
     'SegmenterMaskTransformerHead', 'patch_proj', 12),
])
def test_what_is_embedded_is_told(network, head, layer, channels):
    result = check_model(network, method('prcl'), (32, 32), 3)
    assert result['reason'] is None and result['export']
    assert (result['head'], result['layer']) == (head, layer)
    assert (result['channels'], result['stride']) == (channels, 8)


@pytest.mark.parametrize('spoil, stage, reason', [
    (dict(type='DepthEstimator'), 'train', 'DepthEstimator'),
    (dict(auxiliary_head=tiny.fcn_head(in_channels=9)), 'train', 'channels'),
    (dict(test_cfg=dict(mode='slide', crop_size=(32, 32), stride=(0, 0))),
     'predict', 'Error'),
])
def test_what_fails_is_told_on_one_line(tool, spoil, stage, reason):
    result = check_model(
        tiny.segmentor(**spoil), method('prcl'), (32, 32), 3)
    assert tool.stage(result) == stage
    assert reason in result['reason'] and '\n' not in result['reason']


def test_losses_that_are_not_finite_are_named():
    head = tiny.fcn_head(
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=float('inf')))
    result = check_model(
        tiny.segmentor(decode_head=head), method('prcl'), (32, 32), 3)
    assert not result['train']
    assert 'decode.loss_ce' in result['reason']


def test_a_lost_weight_is_noticed(monkeypatch):
    import model_check
    keep = model_check.plain_weights

    def lose_one(*args):
        weights = keep(*args)
        weights.pop('decode_head.conv_seg.bias')
        return weights

    monkeypatch.setattr(model_check, 'plain_weights', lose_one)
    result = check_model(tiny.segmentor(), method('prcl'), (32, 32), 3)
    assert result['predict'] and not result['export']
    assert 'decode_head.conv_seg.bias' in result['reason']


def test_no_weights_are_loaded():
    pretrained = dict(type='Pretrained', checkpoint='nowhere.pth')
    cfg = dict(
        pretrained='nowhere.pth',
        backbone=dict(init_cfg=pretrained),
        heads=[dict(init_cfg=dict(type='Normal'), pretrained='x')])
    assert forget_weights(cfg) == dict(
        backbone={}, heads=[dict(init_cfg=dict(type='Normal'))])
    assert cfg['backbone']['init_cfg'] is pretrained


def test_registries_frames_are_not_part_of_the_reason():
    error = ValueError('class `SemiSegmentor` in prcl_mmseg/models/x.py: '
                       'class `FCNHead` in mmseg/y.py: too\n small')
    assert one_line(error) == 'too small'
    assert one_line(KeyError('a')) == "KeyError: 'a'"


def test_tool_writes_the_table(tool, tmp_path, monkeypatch, capsys):
    """In a process of its own, into a file with text around the table."""
    network = tmp_path / 'tiny.py'
    network.write_text(f'model = {json_like(tiny.segmentor())}')
    page = tmp_path / 'models.md'
    page.write_text('Before.\n{}\nold\n{}\nAfter.\n'.format(
        *(tool.MARKER.format('check_models.py', place)
          for place in ('begin', 'end'))))
    monkeypatch.setattr(
        sys, 'argv',
        ['', str(network), '--json', '--crop', '32', '--out',
         str(page)])
    tool.main()
    result, = json.loads(capsys.readouterr().out)
    assert result['export'] and result['memory'] >= 0
    text = page.read_text()
    assert text.startswith('Before.\n') and text.endswith('After.\n')
    assert 'old' not in text
    assert '| tiny | FCNHead | conv_seg | 8 | 8 | 32 | yes |' in text


@pytest.mark.parametrize('name', ['san_vit-b16', 'vpd_sd'])
def test_what_cannot_is_in_a_table_of_its_own(tool, name):
    network = tool.Network(tool.find_models()[name])
    result = tool.check_here(network, 'prcl', 129)
    lines = tool.table([dict(result, name=name)]).splitlines()
    assert lines[3] == '| model | cannot | reason |'
    assert lines[5].startswith(f'| {name} | train | model.segmentor.type=')
    assert CANNOT[name] in lines[5]


def json_like(cfg) -> dict:
    """Plain dicts, as in a config file."""
    return json.loads(json.dumps(cfg))


def test_tool_names_what_it_does_not_find(tool, tmp_path):
    with pytest.raises(ValueError, match="'nothing'.*ocrnet_hr18"):
        tool.select(['nothing'], tool.find_models())
    page = tmp_path / 'page.md'
    page.write_text('no markers')
    with pytest.raises(ValueError, match='page.md has no line'):
        tool.write(str(page), 'table', 'check_models.py')
