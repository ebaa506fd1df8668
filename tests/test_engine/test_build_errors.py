# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Errors of building name the key; all others stay as they are."""
import pytest
from mmengine.config import Config
from mmseg.registry import MODELS
from tiny import NUM_CLASSES, segmentor

from prcl_mmseg.engine.build_errors import ConfigError, explain_build_errors


def make_config(**changes) -> Config:
    cfg = Config(
        dict(
            model=dict(
                type='SemiSegmentor',
                segmentor=segmentor(),
                num_classes=NUM_CLASSES)))
    cfg.merge_from_dict(changes)
    return cfg


def build(cfg: Config) -> None:
    with explain_build_errors(cfg):
        MODELS.build(cfg.model)


def test_what_can_be_built_is():
    build(make_config())


@MODELS.register_module()
class Fragile:
    """Fails in its own way."""

    def __init__(self, how: type, words: str = '', size: int = 3) -> None:
        raise how(words)


@pytest.mark.parametrize('how', [ValueError, KeyError, RuntimeError])
def test_errors_of_other_packages_get_key_and_settings(how):
    cfg = make_config(model=dict(
        _delete_=True, type='mmseg.Fragile', how=how, words='it broke'))
    with pytest.raises(ConfigError, match='model=.*it broke') as error:
        build(cfg)
    assert isinstance(error.value.__cause__, how)


def test_an_assertion_without_words_is_quoted():
    cfg = make_config(**{'model.segmentor.backbone.strides': (1, 2, 2)})
    with pytest.raises(
            ConfigError,
            match=r'model.segmentor.backbone=.*\(1, 2, 2\).*assert len\('):
        build(cfg)


def test_settings_of_another_kind_are_named():
    cfg = make_config(
        model=dict(
            _delete_=True, type='Fragile', how=RuntimeError, size='3'))
    with pytest.raises(ConfigError, match="size='3' must be int"):
        build(cfg)


def test_equal_parts_are_told_apart_by_what_they_are_part_of():
    cfg = make_config(**{'model.segmentor.auxiliary_head.dropuot_ratio': 0})
    with pytest.raises(
            ConfigError,
            match='model.segmentor.auxiliary_head.dropuot_ratio=0.*'
            "'dropout_ratio'"):
        build(cfg)


def test_errors_outside_of_building_stay():
    with pytest.raises(KeyError, match='mine'):
        with explain_build_errors(make_config()):
            raise KeyError('mine')
