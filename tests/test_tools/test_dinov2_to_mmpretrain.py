# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Converted weights give what timm's DINOv2 ViT gives."""
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS
from model_check import predict_step, train_step

from prcl_mmseg.engine.launch import adapt_to_run

ROOT = Path(__file__).resolve().parents[2]
LEAVES = sorted((ROOT / 'configs').glob('*/*_dinov2-b_*.py'))
TOOL = ROOT / 'tools' / 'model_converters' / 'dinov2_to_mmpretrain.py'
SIZE = 70


def load_tool():
    spec = importlib.util.spec_from_file_location('dinov2', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def timm_vit(depth: int = 3):
    timm = pytest.importorskip('timm')
    vit = timm.create_model(
        'vit_small_patch14_dinov2',
        img_size=SIZE,
        embed_dim=24,
        depth=depth,
        num_heads=2,
        num_classes=0).eval()
    for parameter in vit.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return vit


def mmpretrain_vit(size: int = SIZE):
    pytest.importorskip('mmpretrain.models')
    vit = MODELS.build(
        dict(
            type='mmpretrain.VisionTransformer',
            arch=dict(
                embed_dims=24,
                num_layers=3,
                num_heads=2,
                feedforward_channels=96),
            img_size=size,
            patch_size=14,
            layer_scale_init_value=1e-5,
            out_type='featmap',
            out_indices=(1, 2)))
    vit.eval()
    return vit


@torch.no_grad()
def test_features_are_timms(tmp_path):
    source, target = timm_vit(), mmpretrain_vit()
    # As published, with what only pretraining needs.
    state_dict = dict(source.state_dict(), mask_token=torch.zeros(1, 24))
    torch.save(state_dict, tmp_path / 'published.pth')
    subprocess.run(
        [sys.executable, str(TOOL),
         str(tmp_path / 'published.pth'),
         str(tmp_path / 'converted.pth')],
        check=True)
    load_checkpoint(target, str(tmp_path / 'converted.pth'), strict=True)
    image = torch.randn(2, 3, SIZE, SIZE)
    middle, last = target(image)
    expected = source.forward_intermediates(
        image, indices=[1], intermediates_only=True)[0]
    torch.testing.assert_close(middle, expected)
    expected = source.forward_features(image)[:, 1:]
    torch.testing.assert_close(last.flatten(2).transpose(1, 2), expected)


def test_position_embedding_of_another_grid():
    """Bicubic interpolation nearly keeps a plane, but for the border."""
    rows, columns = torch.meshgrid(
        torch.arange(37.), torch.arange(37.), indexing='ij')
    plane = 3 * rows - 2 * columns + 1
    token = torch.tensor([[[7.]]])
    pos_embed = torch.cat([token, plane.reshape(1, -1, 1)], dim=1)
    resized = load_tool().resize_pos_embed(pos_embed, (74, 37))
    assert resized.shape == (1, 1 + 74 * 37, 1)
    assert resized[0, 0, 0] == 7
    # The centre of new row r lies at (r + 0.5)/2 - 0.5 in the old rows.
    new_rows = (torch.arange(74.) + 0.5) / 2 - 0.5
    expected = 3 * new_rows[:, None] - 2 * torch.arange(37.) + 1
    torch.testing.assert_close(
        resized[0, 1:, 0].reshape(74, 37)[4:-4],
        expected[4:-4],
        rtol=0,
        atol=0.2)


@torch.no_grad()
def test_interpolated_weights_fit_a_network_of_that_size():
    """MMPretrain interpolates the unconverted grid in the same way."""
    tool, source = load_tool(), timm_vit().state_dict()
    large, small = mmpretrain_vit(size=98), mmpretrain_vit()
    large.load_state_dict(tool.convert(source, grid=(7, 7)))
    small.load_state_dict(tool.convert(source))
    image = torch.randn(1, 3, 98, 98)
    for feature, expected in zip(large(image), small(image)):
        assert feature.shape == (1, 24, 7, 7)
        torch.testing.assert_close(feature, expected)


def test_blocks_in_chunks_are_numbered_through():
    rename = load_tool()._rename
    assert rename('blocks.2.17.attn.qkv.bias') == 'layers.17.attn.qkv.bias'
    assert rename('blocks.3.ls2.gamma') == 'layers.3.ffn.gamma2.weight'


@pytest.mark.parametrize('extra', [
    dict(register_tokens=torch.zeros(1, 4, 24)),
    {'blocks.0.mlp.w12.weight': torch.zeros(1)},
])
def test_another_layout_is_named(extra):
    state_dict = dict(pos_embed=torch.zeros(1, 26, 24), **extra)
    with pytest.raises(ValueError, match=next(iter(extra))):
        load_tool().convert(state_dict)


def test_other_weights_are_refused(tmp_path, monkeypatch, capsys):
    torch.save(dict(fc=torch.zeros(1)), tmp_path / 'other.pth')
    for name, message in (('other.pth', 'there is no pos_embed'),
                          ('none.pth', 'none.pth does not exist')):
        monkeypatch.setattr(sys, 'argv', ['', str(tmp_path / name), 'out'])
        with pytest.raises(SystemExit):
            load_tool().main()
        assert message in capsys.readouterr().err


def tiny_leaf(leaf: Path, checkpoint: str) -> Config:
    """A ready config with a tiny ViT that loads a checkpoint."""
    cfg = Config.fromfile(leaf)
    segmentor = cfg.model.segmentor
    segmentor.backbone.update(
        arch=dict(
            embed_dims=24, num_layers=4, num_heads=2, feedforward_channels=96),
        img_size=SIZE,
        out_indices=(0, 1, 2, 3))
    segmentor.backbone.init_cfg.checkpoint = checkpoint
    segmentor.decode_head.update(
        in_channels=(24, ) * 4,
        embed_dims=24,
        channels=8,
        post_process_channels=[4, 4, 8, 8])
    cfg.model.crop_size = (SIZE, SIZE)
    adapt_to_run(cfg, launcher='none')
    return cfg


@pytest.mark.parametrize('leaf', LEAVES, ids=lambda path: path.stem)
def test_ready_configs_start_from_converted_weights(leaf, tmp_path):
    pytest.importorskip('mmpretrain.models')
    converted = load_tool().convert(timm_vit(depth=4).state_dict())
    path = str(tmp_path / 'converted.pth')
    torch.save(dict(state_dict=converted), path)
    model = MODELS.build(tiny_leaf(leaf, path).model)
    model.init_weights()
    for role in model.roles:
        weights = model.network(role).backbone.state_dict()
        assert weights.keys() == converted.keys()
        for name, value in converted.items():
            assert weights[name].equal(value), name
    assert train_step(model, (SIZE, SIZE), 21) == 0
    predict_step(model, 21)


@pytest.mark.parametrize('leaf', LEAVES, ids=lambda path: path.stem)
def test_crops_of_the_ready_configs_are_whole_patches(leaf):
    cfg = Config.fromfile(leaf)
    assert all(side % 14 == 0 for side in cfg.model.crop_size)
    dataset = cfg.train_dataloader.dataset
    for part in (dataset.labeled, dataset.unlabeled):
        crop, = [step.crop_size for step in part.pipeline
                 if step.type == 'RandomCrop']
        assert tuple(crop) == tuple(cfg.model.crop_size)
