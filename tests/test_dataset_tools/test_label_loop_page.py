# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The page from annotations to the next images, walked on generated data."""
import json
import os
import re
import shlex
import subprocess
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmseg.visualization import SegLocalVisualizer

from prcl_mmseg.datasets import read_split

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs' / 'label_loop.md').read_text(encoding='utf-8')
# Two iterations, no weights from elsewhere, and no worker processes.
SHORT = """
param_scheduler = [dict(type='PolyLR', by_epoch=False)]
train_cfg = dict(max_iters=2, val_interval=2)
train_dataloader = dict(num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0, persistent_workers=False)
test_dataloader = dict(num_workers=0, persistent_workers=False)
"""


def blocks(language: str) -> list:
    return re.findall(rf'^```{language}\n(.*?)^```', PAGE,
                      re.DOTALL | re.MULTILINE)


def annotate(image: Path) -> None:
    """What LabelMe writes for a photograph with one object."""
    height, width = cv2.imread(str(image)).shape[:2]
    image.with_suffix('.json').write_text(json.dumps(dict(
        version='5.4.1', imagePath=image.name, imageData=None,
        imageHeight=height, imageWidth=width, shapes=[dict(
            label='crack', shape_type='polygon',
            points=[[8, 8], [width - 9, 12], [width - 9, 22], [8, 18]])])))


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    for name in ('configs', 'tools'):
        os.symlink(ROOT / name, tmp_path / name)
    folder = tmp_path / 'data/photographs'
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(40):
        image = rng.integers(90, 160, (*rng.integers(50, 90, 2), 3))
        image[8:22, 8:-9] //= 3
        path = folder / f'photo {index:02d}.jpg'
        cv2.imwrite(str(path), image.astype(np.uint8))
        if index < 10:
            annotate(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_labelme_to_the_second_round(project, run_tool, monkeypatch):
    pytest.importorskip('pycocotools')
    monkeypatch.setattr(Config, 'pretty_text', property(str))
    config, = blocks('py')
    config = config.replace('fpn_efficientnet-lite0', 'fpn_r18-quarter')
    (project / 'my_config.py').write_text(config + SHORT)
    commands = [command for block in blocks('bash')
                for command in block.splitlines()]
    for command in commands:
        command = command.replace('iter_800', 'iter_2')
        words = shlex.split(command)
        if words[0] != 'python':
            subprocess.run(command, shell=True, check=True)
            continue
        # A process of its own would have its own visualizer.
        monkeypatch.setattr(SegLocalVisualizer, '_instance_dict',
                            OrderedDict())
        result = run_tool(*words[1:])
        assert not result.failed, (command, result.out, result.error)
        if 'label_next.py' in command:
            # The person labels what is proposed.
            chosen = read_split(project / 'label_next/label_next.txt')
            assert len(chosen) == 20
            for entry in chosen:
                annotate(project / 'data' / entry.image)
    assert len(list((project / 'predictions/masks').glob('*.png'))) == 40
    lists = {name: len(read_split(project / f'splits/my_masks/{name}.txt'))
             for name in ('labeled', 'unlabeled', 'val')}
    assert lists == dict(labeled=24, unlabeled=10, val=6)
    assert (project / 'work_dirs/round_2/iter_2.pth').is_file()
