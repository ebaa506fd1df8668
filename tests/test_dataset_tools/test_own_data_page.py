# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The page about own data, followed to the letter on generated data."""
import json
import os
import re
import shlex
import shutil
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmseg.registry import DATASETS
from mmseg.visualization import SegLocalVisualizer

from prcl_mmseg.datasets import check_labels

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs' / 'own_data.md').read_text(encoding='utf-8')


def blocks(language: str) -> list:
    return re.findall(rf'^```{language}\n(.*?)^```', PAGE,
                      re.DOTALL | re.MULTILINE)


def set_values(path: Path, text: str) -> None:
    """Replace the assignments of the template by those in the text."""
    content = path.read_text()
    for line in text.splitlines():
        name = line.split(' = ')[0]
        content, count = re.subn(rf'^{name} = .*$', lambda _: line, content,
                                 flags=re.MULTILINE)
        assert count == 1, line
    path.write_text(content)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A folder with the repository's configs and tools, and data."""
    for name in ('configs', 'tools'):
        os.symlink(ROOT / name, tmp_path / name)
    rng = np.random.default_rng(0)
    for folder in ('images/more', 'masks/more'):
        (tmp_path / 'data/my_data' / folder).mkdir(parents=True)
    for index in range(30):
        name = f'more/im {index}' if index % 3 == 0 else f'im{index}'
        size = rng.integers(60, 160, 2)
        image = rng.integers(90, 160, (*size, 3)).astype(np.uint8)
        mask = np.zeros(size, np.uint8)
        start, end = ((int(x), int(y)) for x, y in rng.integers(
            0, 60, (2, 2)))
        cv2.line(mask, start, end, 255, 7)
        image[mask > 0] //= 3
        root = tmp_path / 'data/my_data'
        cv2.imwrite(str(root / f'images/{name}.jpg'), image)
        if index < 14:
            cv2.imwrite(str(root / f'masks/{name}.png'), mask)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Two iterations are too short for a warm-up and for worker processes.
SHORT = """
param_scheduler = [dict(type='PolyLR', by_epoch=False)]
train_dataloader = dict(num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0, persistent_workers=False)
test_dataloader = dict(num_workers=0, persistent_workers=False)
"""


def short(command: str) -> str:
    command = re.sub(r'(max_iters|val_interval)=\d+', r'\1=2', command)
    return re.sub(r'iter_\d+\.pth', 'iter_2.pth', command)


def test_every_step_works(project, run_tool, monkeypatch):
    # Formatting the config takes longer than the training.
    monkeypatch.setattr(Config, 'pretty_text', property(str))
    values, config = blocks('py')
    done = []
    for command in blocks('bash'):
        words = shlex.split(short(command))
        done.append(words[0] if words[0] == 'cp' else words[1])
        if words[0] == 'cp':
            shutil.copy(*words[1:])
            set_values(project / 'my_data.py', values)
            (project / 'my_config.py').write_text(config + SHORT)
            continue
        assert words[0] == 'python' and (project / words[1]).is_file()
        # A process of its own would have its own visualizer.
        monkeypatch.setattr(SegLocalVisualizer, '_instance_dict',
                            OrderedDict())
        result = run_tool(*words[1:])
        assert not result.failed, (command, result.out, result.error)
        if 'make' in words:
            assert 'labeled.txt: 8 images' in result.out
            assert 'unlabeled.txt: 16 images' in result.out
            assert 'val.txt: 6 images' in result.out
            assert re.search(r'crack: 8, [1-9]', result.out)
        if 'check' in words:
            assert '0 problem(s)' in result.out
    assert done[0] == 'cp' and done[-3:] == [
        'tools/train.py', 'tools/test.py',
        'tools/analysis_tools/class_weights.py'
    ]
    assert len(list((project / 'painted').rglob('*.png'))) == 6
    losses = set()
    for number, change in enumerate(blocks('python')):
        path = project / f'rare_{number}.py'
        path.write_text(config + change + SHORT)
        monkeypatch.setattr(SegLocalVisualizer, '_instance_dict',
                            OrderedDict())
        result = run_tool('tools/train.py', path, '--cfg-options',
                          'train_cfg.max_iters=1', 'train_cfg.val_interval=2',
                          'default_hooks.logger.interval=1')
        assert not result.failed, (change, result.out, result.error)
        scalars, = (project / f'work_dirs/rare_{number}').rglob(
            'scalars.json')
        records = map(json.loads, scalars.read_text().splitlines())
        losses.update(x['loss'] for x in records if 'loss' in x)
    # Each changes something.
    assert len(losses) == 4


def test_images_of_their_own_are_scored(project):
    values, config = blocks('py')
    shutil.copy('configs/_base_/datasets/custom_semi.py', 'my_data.py')
    set_values(project / 'my_data.py', values)
    change, = re.findall(r'^```\n(test_dataloader = .*?)^```', PAGE,
                         re.DOTALL | re.MULTILINE)
    (project / 'my_config.py').write_text(config + change)
    data = project / 'data/my_data'
    for folder, names in (('images', ('test_images', '.jpg')),
                          ('masks', ('test_masks', '.png'))):
        (data / names[0]).mkdir()
        shutil.copy(data / f'{folder}/im1{names[1]}', data / names[0])
    cfg = Config.fromfile('my_config.py')
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    info, = (dataset.get_data_info(index) for index in range(len(dataset)))
    assert info['img_path'].endswith('my_data/test_images/im1.jpg')
    assert info['seg_map_path'].endswith('my_data/test_masks/im1.png')
    assert cfg.val_dataloader.dataset.ann_file == 'splits/my_data/val.txt'


def recipes() -> list:
    rows = re.findall(r'^\| ([^|]+) \| (`[^|]+) \|$', PAGE, re.MULTILINE)
    rows = [(name, re.findall(r'`(\w+ = [^`]+)`', text))
            for name, text in rows]
    return [pytest.param(lines, id=name) for name, lines in rows if lines]


@pytest.mark.parametrize('lines', recipes())
def test_recipes_are_settings_of_the_template(project, lines):
    template = ROOT / 'configs/_base_/datasets/custom_semi.py'
    config = project / 'my_data.py'
    config.write_text(template.read_text())
    set_values(config, '\n'.join(lines))
    cfg = Config.fromfile(config)
    for line in lines:
        name, value = line.split(' = ', 1)
        assert cfg[name] == eval(value)
    labeled = cfg.train_dataloader.dataset.labeled
    assert labeled.label_map == cfg.label_map
    assert labeled.pipeline[0] == cfg.load_image
    assert labeled.pipeline[1] == cfg.load_mask


@pytest.mark.parametrize('name', [
    'prcl', 'mean_teacher', 'supervised', 'fixmatch', 'unimatch',
    'unimatch_v2'
])
def test_ready_leaf_reads_the_template(project, name):
    cfg = Config.fromfile(ROOT / f'configs/{name}/{name}_r50_custom.py')
    # The data file says nothing of it: as the network was trained.
    assert 'in_channels' not in cfg.model.segmentor.backbone
    assert cfg.model.segmentor.data_preprocessor.mean == [
        123.675, 116.28, 103.53]
    os.rename(project / 'data/my_data', project / 'data/custom')
    lists = project / 'splits/custom'
    lists.mkdir(parents=True)
    (lists / 'labeled.txt').write_text('im1\nmore/im 3.jpg\n')
    (lists / 'unlabeled.txt').write_text('im20\nim1\n')
    (lists / 'val.txt').write_text('im1\n')
    cfg.train_dataloader.dataset.labeled.label_map = {255: 1}
    semi = DATASETS.build(cfg.train_dataloader.dataset)
    assert len(semi.labeled) == 2 and len(semi.unlabeled) == 1
    assert (check_labels(semi.labeled, 2) > 0).all()
    assert semi[0]['labeled']['inputs'].shape[1] <= 320
