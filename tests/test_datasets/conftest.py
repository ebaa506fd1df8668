# Copyright (c) prcl_mmseg authors. All rights reserved.
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four images of 20 x 24 with masks of the classes 0 and 1."""
    rng = np.random.default_rng(0)
    for name in ('images', 'masks'):
        (tmp_path / name).mkdir()
    for name in 'abcd':
        cv2.imwrite(
            str(tmp_path / f'images/{name}.jpg'),
            rng.integers(0, 255, (20, 24, 3)).astype(np.uint8))
        cv2.imwrite(
            str(tmp_path / f'masks/{name}.png'),
            rng.integers(0, 2, (20, 24)).astype(np.uint8))
    return tmp_path


@pytest.fixture
def write_list(folder):
    """Write a list of the folder and give its name."""

    def write(text: str, name: str = 'list.txt') -> str:
        (folder / name).write_bytes(text.encode())
        return name

    return write


@pytest.fixture
def stock(folder):
    """Give the config of a stock dataset of the folder."""

    def config(*transforms: dict, **settings) -> dict:
        return {
            **dict(
                type='BaseSegDataset',
                data_root=str(folder),
                data_prefix=dict(img_path='images', seg_map_path='masks'),
                metainfo=dict(classes=('no', 'yes')),
                pipeline=[
                    dict(type='LoadImageFromFile'), *transforms,
                    dict(type='PackSegInputs')
                ]),
            **settings
        }

    return config


@pytest.fixture
def printed(monkeypatch, capsys):
    """Give what a logger of this test alone has printed."""
    # A logger that outlives the test would write to its closed stream.
    monkeypatch.setattr(MMLogger, '_instance_dict', OrderedDict())
    MMLogger.get_instance('printed', logger_name='printed')
    return lambda: ''.join(capsys.readouterr())
