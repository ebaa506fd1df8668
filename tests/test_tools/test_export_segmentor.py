# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The exported model runs without this package, and predicts the same."""
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from mmseg.registry import DATASETS, HOOKS, MODELS

from prcl_mmseg.deploy.export import export, missing_packages
from prcl_mmseg.deploy.own_types import own_types

# Runs in a process that cannot have this package. mmseg itself wants compiled
# operators, so where there are none the test brings a stand-in.
WITHOUT_PACKAGE = '''
import importlib.abc, importlib.util, json, sys, types
class Forbid(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'prcl_mmseg':
            raise ImportError('prcl_mmseg is forbidden here')
sys.meta_path.insert(0, Forbid())
if importlib.util.find_spec('mmcv._ext') is None:
    class Ops(types.ModuleType):
        def __getattr__(self, name):
            if name.startswith('__'):
                raise AttributeError(name)
            return None
    sys.modules['mmcv._ext'] = Ops('mmcv._ext')
import numpy as np
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from mmseg.registry import DATASETS
config, checkpoint, image, out = sys.argv[1:]
model = init_model(config, checkpoint, device='cpu')
result = inference_model(model, image)
dataset = DATASETS.build(Config.fromfile(config).test_dataloader.dataset)
samples = [dataset[i]['data_samples'] for i in range(len(dataset))]
np.savez(out, logits=result.seg_logits.data.numpy(),
         labels=result.pred_sem_seg.data.numpy(),
         masks=np.stack([s.gt_sem_seg.data.numpy() for s in samples]))
print(json.dumps(dict(type=type(model).__name__, meta=model.dataset_meta,
                      images=[s.img_path for s in samples])))
assert 'prcl_mmseg' not in sys.modules
'''


@pytest.fixture
def exported(experiment, call_tool, tmp_path):
    """A function that exports a role and gives config and checkpoint."""

    def run(*options) -> tuple:
        call_tool('model_converters/export_segmentor.py', experiment.config,
                  experiment.checkpoint, tmp_path / 'out', *options)
        role = 'student' if '--student' in options else 'teacher'
        checkpoint, = (tmp_path / 'out').glob(f'tiny_prcl_{role}-*.pth')
        return str(tmp_path / f'out/tiny_prcl_{role}.py'), str(checkpoint)

    return run


def test_predicts_the_same_without_the_package(experiment, exported, tmp_path):
    config, checkpoint = exported()
    result = subprocess.run(
        [sys.executable, '-c', WITHOUT_PACKAGE, config, checkpoint,
         experiment.image, str(tmp_path / 'found.npz')],
        capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-2000:]
    said = json.loads(result.stdout.splitlines()[-1])
    assert said['type'] == 'EncoderDecoder'
    assert said['meta']['classes'] == ['ground', 'disc', 'bar']

    found = np.load(tmp_path / 'found.npz')
    model = init_model(experiment.config, experiment.checkpoint, 'cpu')
    expected = inference_model(model, experiment.image)
    assert np.array_equal(found['logits'], expected.seg_logits.data)
    assert np.array_equal(found['labels'], expected.pred_sem_seg.data)
    # The plain data set has the same images and masks in the same order.
    dataset = DATASETS.build(
        Config.fromfile(experiment.config).test_dataloader.dataset)
    samples = [item['data_samples'] for item in dataset]
    assert said['images'] == [sample.img_path for sample in samples]
    assert np.array_equal(
        found['masks'],
        np.stack([sample.gt_sem_seg.data.numpy() for sample in samples]))


def test_student_is_another_one(experiment, exported):
    teacher, student = exported(), exported('--student')
    model = init_model(experiment.config, experiment.checkpoint, 'cpu')
    model.predict_with = 'student'
    expected = inference_model(model, experiment.image).seg_logits.data
    one, other = (
        inference_model(init_model(*paths, device='cpu'),
                        experiment.image).seg_logits.data
        for paths in (student, teacher))
    assert torch.equal(one, expected)
    assert not torch.equal(other, expected)


def test_config_stands_alone(exported):
    config, _ = exported()
    cfg = Config.fromfile(config)
    assert own_types(cfg._cfg_dict.to_dict(), MODELS, DATASETS, HOOKS) == []
    assert 'custom_imports' not in cfg
    assert cfg.test_evaluator.type == 'IoUMetric'
    assert cfg.test_pipeline == cfg.test_dataloader.dataset.pipeline


def test_names_what_is_missing(experiment, load_tool, capsys, monkeypatch):
    tool = load_tool('model_converters/export_segmentor.py')
    monkeypatch.setattr(
        sys, 'argv', ['export', 'no.py', experiment.checkpoint, 'out'])
    with pytest.raises(SystemExit):
        tool.parse_args()
    assert "'no.py' does not exist" in capsys.readouterr().err


def test_a_checkpoint_of_another_network(experiment, load_tool, tmp_path,
                                         monkeypatch):
    tool = load_tool('model_converters/export_segmentor.py')
    config = tmp_path / 'other.py'
    config.write_text(f"_base_ = {experiment.config!r}\n"
                      'model = dict(num_classes=5)\n')
    out = tmp_path / 'out'
    monkeypatch.setattr(
        sys, 'argv', ['export', str(config), experiment.checkpoint, str(out)])
    with pytest.raises(SystemExit, match='do not fit the network .*conv_seg'):
        tool.main()
    out.touch()
    with pytest.raises(SystemExit):
        tool.main()


@pytest.mark.parametrize('kind', ['torchscript', 'onnx'])
def test_formats_compute_the_same(experiment, exported, tmp_path, kind):
    missing = missing_packages(kind)
    if missing:
        pytest.skip(f'needs {missing}')
    model = init_model(*exported(), device='cpu')
    found = export(model, kind, str(tmp_path / f'model.{kind}'), (32, 40))
    assert found.largest > 0
    assert found.difference < 1e-5 * found.largest
