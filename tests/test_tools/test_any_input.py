# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Images of any number of channels and bits go through every tool."""
import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.apis import (MMSegInferencer, inference_model, init_model,
                        show_result_pyplot)
from tiny import ReadsFiles  # noqa: F401

from prcl_mmseg.compat.any_image import inference_pipeline

KINDS = dict(
    gray=dict(
        channels=1, load=dict(type='LoadImageFromFile',
                              color_type='grayscale')),
    gray16=dict(
        channels=1,
        depth=np.uint16,
        load=dict(type='LoadMultiChannelImage', channels=1)),
    bands=dict(
        channels=5,
        depth=np.uint16,
        suffix='.npy',
        load=dict(type='LoadMultiChannelImage', channels=5),
        masks=dict(type='LoadWideAnnotations')))


@pytest.fixture(scope='module', params=list(KINDS))
def experiment(request, make_experiment, tmp_path_factory):
    return make_experiment(
        tmp_path_factory.mktemp(request.param), **KINDS[request.param])


def test_export(experiment, call_tool, tmp_path, capsys):
    call_tool('model_converters/export_segmentor.py', experiment.config,
              experiment.checkpoint, tmp_path, '--format', 'torchscript')
    channels = Config.fromfile(
        experiment.config).model.segmentor.backbone.in_channels
    assert f'input 1 x {channels} x 32 x 32' in capsys.readouterr().out


@pytest.mark.parametrize('options, shape', [
    ([], '{0} x {1}'), (['--shape', 48], '48 x 48')])
def test_flops(experiment, call_tool, capsys, options, shape):
    call_tool('analysis_tools/get_flops.py', experiment.config, *options)
    out = capsys.readouterr().out
    crop_size = Config.fromfile(experiment.config).model.crop_size
    assert f'One image of {shape.format(*crop_size)},' in out
    assert 'student with embeddings' in out


def test_painted_predictions(experiment, call_tool, tmp_path):
    call_tool('test.py', experiment.config, experiment.checkpoint,
              '--work-dir', tmp_path / 'work', '--show-dir',
              tmp_path / 'painted', '--cfg-options',
              f'visualizer.name={experiment.folder.name}')
    painted = list((tmp_path / 'painted').rglob('*.png'))
    assert len(painted) == 3
    assert cv2.imread(str(painted[0])).shape == (32, 80, 3)


@pytest.mark.parametrize('option', ['--images', '--split'])
def test_sheet(experiment, call_tool, tmp_path, option):
    value = experiment.folder / 'images' if option == '--images' else 'test'
    call_tool('analysis_tools/visualize_uncertainty.py', experiment.config,
              experiment.checkpoint, option, value, '--out',
              tmp_path / 'sheet.png', '--device', 'cpu')
    assert cv2.imread(str(tmp_path / 'sheet.png')).std() > 10


def test_browse(experiment, call_tool, tmp_path):
    call_tool('analysis_tools/browse_dataset.py', experiment.config,
              '--number', 1, '--rows', 2, '--output-dir', tmp_path)
    assert cv2.imread(str(tmp_path / 'sheet_000.png')).std() > 10


def test_inference_on_files_and_arrays(experiment, tmp_path):
    model = init_model(experiment.config, experiment.checkpoint, 'cpu')
    expected = inference_model(model, experiment.image)
    if experiment.image.endswith('.npy'):
        array = np.load(experiment.image)
    else:
        array = cv2.imread(experiment.image, cv2.IMREAD_UNCHANGED)
    for images in (array, [array, array]):
        found = inference_model(model, images)
        found = found[1] if isinstance(found, list) else found
        torch.testing.assert_close(found.seg_logits.data,
                                   expected.seg_logits.data, rtol=1e-3,
                                   atol=0)
    # After arrays files still work.
    assert torch.equal(
        inference_model(model, experiment.image).seg_logits.data,
        expected.seg_logits.data)
    for image in (experiment.image, array):
        drawn = show_result_pyplot(
            model, image, expected, show=False,
            out_file=str(tmp_path / 'shown.png'))
        assert drawn.shape == (32, 40, 3)
    inferencer = MMSegInferencer(
        experiment.config, experiment.checkpoint, device='cpu')
    label = expected.pred_sem_seg.data[0].numpy()
    for image in (experiment.image, array):
        found = inferencer(image, return_vis=True, out_dir=str(tmp_path))
        assert (found['predictions'] == label).all()
        assert found['visualization'].shape == (32, 40, 3)


def test_a_loader_of_any_name(tmp_path):
    image = np.full((6, 8, 3), 7, np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    pipeline = inference_pipeline(
        [dict(type='ReadsFiles'), dict(type='PackSegInputs')])
    for given in (str(tmp_path / 'a.png'), image):
        assert (pipeline(given)['inputs'] == 7).all()
