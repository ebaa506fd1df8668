# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The examples of docs/models.md run."""
import re
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmseg.registry import MODELS
from model_check import predict_step, train_step

from prcl_mmseg.engine.launch import adapt_to_run

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / 'docs' / 'models.md').read_text()
BLOCKS = re.findall(r'```python\n(.*?)```', TEXT, re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the ready configs and the named examples in it."""
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    for block in BLOCKS:
        name = re.match(r'# (\w+\.py)\n', block)
        if name:
            (tmp_path / name[1]).write_text(block)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop('my_backbone', None)
    MODELS.module_dict.pop('MyBackbone', None)


def test_own_backbone_trains(folder):
    cfg = Config.fromfile(folder / 'my_config.py')
    adapt_to_run(cfg, launcher='none')
    cfg.model.crop_size = (33, 33)
    model = MODELS.build(cfg.model)
    assert type(model.student.backbone).__name__ == 'MyBackbone'
    assert model.num_classes == 21
    assert train_step(model, (33, 33), 21) == 0
    predict_step(model, 21)


def test_a_network_of_mmseg_by_its_entry_alone(folder):
    block, = [block for block in BLOCKS if 'segmenter_vit' in block]
    (folder / 'leaf.py').write_text(block)
    cfg = Config.fromfile(folder / 'leaf.py')
    assert cfg.model.type == 'SemiSegmentor'
    assert cfg.model.terms.contrast.type == 'PrototypeContrast'
    head = cfg.model.segmentor.decode_head
    assert head.type == 'SegmenterMaskTransformerHead'


def test_weights_of_dinov2_in_another_place(folder):
    block, = [block for block in BLOCKS if 'dinov2-b_voc' in block]
    (folder / 'leaf.py').write_text(block)
    backbone = Config.fromfile(folder / 'leaf.py').model.segmentor.backbone
    assert backbone.init_cfg == dict(
        type='Pretrained', checkpoint='/my/weights/dinov2_vitb14.pth')


def test_what_the_text_names_is_there():
    for path in re.findall(r'(?:configs|tools|tests)/[\w/.-]+\.py', TEXT):
        assert (ROOT / path).is_file(), path
