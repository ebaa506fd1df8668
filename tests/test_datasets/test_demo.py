# Copyright (c) prcl_mmseg authors. All rights reserved.
import os

import cv2
import numpy as np
import pytest

from prcl_mmseg.datasets import DemoSegDataset, SemiSegDataset, generate_demo
from prcl_mmseg.datasets.demo import CLASSES, MANIFEST, draw_scene

SMALL = dict(
    MANIFEST, size=48, splits=dict(labeled=3, unlabeled=2, val=1))


def test_files_and_lists(tmp_path):
    root = generate_demo(str(tmp_path / 'demo'), SMALL)
    names = sorted(path.name for path in (tmp_path / 'demo').rglob('*.png'))
    assert names == sorted(
        [f'labeled_{i:03d}.png' for i in range(3)] * 2 +
        [f'unlabeled_{i:03d}.png' for i in range(2)] + ['val_000.png'] * 2)
    assert (tmp_path / 'demo/unlabeled.txt').read_text().split() == [
        'images/unlabeled_000.png', 'images/unlabeled_001.png'
    ]
    assert not list(tmp_path.glob('tmp*')), root


def test_it_is_generated_once_and_again_for_another_manifest(tmp_path):
    root = str(tmp_path / 'demo')
    generate_demo(root, SMALL)
    image = tmp_path / 'demo/images/val_000.png'
    first, time = image.read_bytes(), image.stat().st_mtime_ns
    generate_demo(root, SMALL)
    assert image.stat().st_mtime_ns == time
    generate_demo(root, dict(SMALL, seed=1))
    assert image.read_bytes() != first
    generate_demo(root, SMALL)
    assert image.read_bytes() == first


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / 'mine.txt').write_text('keep')
    with pytest.raises(FileExistsError, match='data_root'):
        generate_demo(str(tmp_path), SMALL)
    assert (tmp_path / 'mine.txt').read_text() == 'keep'


@pytest.mark.parametrize('manifest', [
    '{"seed": 0, "labeled.txt": "abc"}', 'no json',
    '{"version": 0, "seed": 0, "size": 48, "splits": {"labeled": 1}}'
])
def test_a_folder_with_a_manifest_of_others_is_left_alone(tmp_path, manifest):
    """Such as that of the tool that makes splits; also beside own scenes."""
    (tmp_path / 'manifest.json').write_text(manifest)
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images/mine.png').write_text('keep')
    with pytest.raises(FileExistsError, match='data_root'):
        generate_demo(str(tmp_path), SMALL)
    assert (tmp_path / 'images/mine.png').read_text() == 'keep'
    assert (tmp_path / 'manifest.json').read_text() == manifest


def test_every_class_occurs_in_the_labeled_scenes():
    rng = np.random.default_rng([MANIFEST['seed'], 0])
    labels = [
        draw_scene(rng, MANIFEST['size'])[1]
        for _ in range(MANIFEST['splits']['labeled'])
    ]
    counts = np.bincount(np.ravel(labels), minlength=len(CLASSES))
    assert counts.min() > 0.02 * counts.sum()


def test_dataset_generates_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr('prcl_mmseg.datasets.demo.generate_demo',
                        lambda root: generate_demo(root, SMALL))
    dataset = DemoSegDataset('labeled', data_root=str(tmp_path / 'demo'))
    info = dataset.get_data_info(0)
    mask = cv2.imread(info['seg_map_path'], cv2.IMREAD_UNCHANGED)
    assert mask.shape == (48, 48) and mask.max() < len(CLASSES)
    unlabeled = DemoSegDataset('unlabeled', data_root=str(tmp_path / 'demo'))
    assert 'seg_map_path' not in unlabeled.get_data_info(0)
    with pytest.raises(ValueError, match="'train'"):
        DemoSegDataset('train', data_root=str(tmp_path / 'demo'))


def test_interrupted_generation_leaves_nothing(tmp_path, monkeypatch):
    drawn = []

    def draw_twice(rng, size):
        if len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.append(size)
        return draw_scene(rng, size)

    monkeypatch.setattr('prcl_mmseg.datasets.demo.draw_scene', draw_twice)
    with pytest.raises(KeyboardInterrupt):
        generate_demo(str(tmp_path / 'demo'), SMALL)
    assert len(drawn) == 2 and not list(tmp_path.iterdir())


def test_another_process_finishes_first(tmp_path, monkeypatch):
    root = str(tmp_path / 'demo')
    replace = os.replace

    def replace_second(source, target):
        monkeypatch.setattr(os, 'replace', replace)
        generate_demo(root, SMALL)
        replace(source, target)

    monkeypatch.setattr(os, 'replace', replace_second)
    generate_demo(root, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ['demo']
    assert len(list(tmp_path.rglob('*.png'))) == 3 * 2 + 2 + 1 * 2


def test_another_process_has_moved_the_outdated_scenes(
        tmp_path, monkeypatch):
    root = str(tmp_path / 'demo')
    generate_demo(root, dict(SMALL, seed=1))
    replace = os.replace

    def replace_second(source, target):
        monkeypatch.setattr(os, 'replace', replace)
        replace(root, tmp_path / 'elsewhere')
        replace(source, target)

    monkeypatch.setattr(os, 'replace', replace_second)
    generate_demo(root, SMALL)
    generate_demo(str(tmp_path / 'fresh'), SMALL)
    name = 'images/val_000.png'
    assert (tmp_path / 'demo' / name).read_bytes() == (
        tmp_path / 'fresh' / name).read_bytes()


def test_scenes_train_side_by_side(tmp_path, monkeypatch):
    monkeypatch.setattr('prcl_mmseg.datasets.demo.generate_demo',
                        lambda root: generate_demo(root, SMALL))
    load, pack = dict(type='LoadImageFromFile'), dict(type='PackSegInputs')
    demo = dict(type='DemoSegDataset', data_root=str(tmp_path / 'demo'))
    dataset = SemiSegDataset(
        dict(
            demo,
            split='labeled',
            pipeline=[load, dict(type='LoadAnnotations'), pack]),
        dict(demo, split='unlabeled', pipeline=[load, pack]))
    assert len(dataset) == 3
    item = dataset[2]
    assert item['labeled']['data_samples'].gt_sem_seg.shape == (48, 48)
    assert 'gt_sem_seg' not in item['unlabeled']['data_samples']
    assert item['unlabeled']['data_samples'].img_path.endswith(
        'unlabeled_000.png')
