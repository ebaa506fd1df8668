# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The split tool, on folders and on configs."""
import hashlib
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from prcl_mmseg.datasets import read_split

TOOL = 'semi_splits.py'


@pytest.fixture
def data(tmp_path):
    """24 images of which 20 have masks; class 3 is in two of them."""
    root = tmp_path / 'data'
    for folder in ('images/a b', 'masks/a b'):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(24):
        name = f'a b/{index:02d}' if index % 4 == 0 else f'{index:02d}'
        size = tuple(rng.integers(10, 20, 2))
        cv2.imwrite(
            str(root / f'images/{name}.png'),
            rng.integers(0, 255, (*size, 3)).astype(np.uint8))
        if index < 20:
            mask = np.zeros(size, np.uint8)
            mask[2:6, 2:6] = 1 + index % 2
            if index in (4, 11):
                mask[7, 7] = 3
            mask[0] = 255
            cv2.imwrite(str(root / f'masks/{name}.png'), mask)
    return root


def tree(root) -> dict:
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob('*') if path.is_file()
    }


def images(path) -> list:
    return [entry.image for entry in read_split(path)]


def make(run_tool, data, out, *arguments):
    result = run_tool(TOOL, 'make', '--data-root', data, '--out', out,
                      *arguments)
    assert not result.failed, result.error
    return json.loads((out / 'manifest.json').read_text())


def test_every_image_is_in_one_list_and_rare_classes_are_covered(
        run_tool, data, tmp_path):
    before = tree(data)
    manifest = make(run_tool, data, tmp_path / 'out', '--count', '3',
                    '--val-count', '5')
    lists = [images(tmp_path / f'out/{name}.txt')
             for name in ('labeled', 'unlabeled', 'val')]
    assert [len(part) for part in lists] == [3, 16, 5]
    every = sorted(os.path.relpath(path, data)
                   for path in (data / 'images').rglob('*.png'))
    assert sorted(sum(lists, [])) == every
    labeled = manifest['lists']['labeled.txt']
    assert all(labeled['class_images'].values())
    masks = [cv2.imread(str(data / entry.mask), 0)
             for entry in read_split(tmp_path / 'out/labeled.txt')]
    expected = np.bincount(
        np.concatenate([mask.ravel() for mask in masks]), minlength=256)
    assert list(labeled['class_pixels'].values()) == expected[:4].tolist()
    assert manifest['classes'] == ['0', '1', '2', '3']
    assert manifest['masks'] == 20 and manifest['images'] == 24
    assert tree(data) == before


def test_seed_decides_and_smaller_splits_begin_larger_ones(
        run_tool, data, tmp_path):
    def labeled(name, *arguments):
        make(run_tool, data, tmp_path / name, '--val-count', '4', *arguments)
        return (images(tmp_path / f'{name}/labeled.txt'),
                images(tmp_path / f'{name}/val.txt'))

    few, val = labeled('few', '--fraction', '1/4')
    assert len(few) == 4
    again, _ = labeled('again', '--fraction', '1/4')
    more, same_val = labeled('more', '--count', '8')
    other, _ = labeled('other', '--fraction', '1/4', '--seed', '1')
    assert few == again and few == more[:4] and val == same_val
    assert few != other
    uniform, _ = labeled('uniform', '--count', '8', '--balance', 'none')
    assert sorted(uniform) != sorted(more)


def test_source_is_never_written_into(run_tool, data, tmp_path):
    before = tree(data)
    os.symlink(data, tmp_path / 'link')
    for out in (data, data / 'splits', tmp_path / 'link/splits'):
        result = run_tool(TOOL, 'make', '--data-root', data, '--count', '2',
                          '--out', out)
        assert result.failed and 'lies inside the data' in result.error
    assert tree(data) == before and not (data / 'splits').exists()


def test_a_root_may_hold_the_working_directory(run_tool, data, monkeypatch):
    monkeypatch.chdir(data)
    arguments = ('make', '--data-root', '.', '--count', '2', '--out')
    assert not run_tool(TOOL, *arguments, 'splits/few').failed
    assert len(images(data / 'splits/few/labeled.txt')) == 2
    for folder in ('images', 'masks'):
        result = run_tool(TOOL, *arguments, f'{folder}/splits')
        assert result.failed and 'lies inside the data' in result.error


def test_links_are_replaced_and_not_what_they_lead_to(
        run_tool, data, tmp_path):
    published = tmp_path / 'published.txt'
    published.write_text('a')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/labeled.txt').symlink_to(published)
    make(run_tool, data, tmp_path / 'out', '--overwrite')
    assert published.read_text() == 'a'
    assert len(images(tmp_path / 'out/labeled.txt')) > 1


def test_existing_lists_are_kept(run_tool, data, tmp_path):
    make(run_tool, data, tmp_path / 'out', '--count', '2')
    again = ('make', '--data-root', data, '--count', '4', '--out',
             tmp_path / 'out')
    result = run_tool(TOOL, *again)
    assert result.failed and '--overwrite' in result.error
    assert len(images(tmp_path / 'out/labeled.txt')) == 2
    assert not run_tool(TOOL, *again, '--overwrite').failed
    assert len(images(tmp_path / 'out/labeled.txt')) == 4


def test_masks_beside_images_are_no_images(run_tool, data, tmp_path):
    for path in sorted((data / 'masks').rglob('*.png')):
        target = data / 'images' / path.relative_to(data / 'masks')
        path.rename(target.with_name(f'{path.stem}_mask.png'))
    result = run_tool(
        TOOL, 'make', '--data-root', data, '--masks', 'images',
        '--seg-map-suffix', '_mask.png', '--count', '3', '--out',
        tmp_path / 'out')
    assert not result.failed, result.error
    assert '20 files beside the images are masks' in result.out
    unlabeled = images(tmp_path / 'out/unlabeled.txt')
    assert len(unlabeled) == 21 and '_mask' not in ''.join(unlabeled)


def test_a_config_that_is_none(run_tool, tmp_path):
    (tmp_path / 'bad.py').write_text('model = dict(')
    for command in ('make', 'check'):
        result = run_tool(TOOL, command, '--config', tmp_path / 'bad.py',
                          *(['--out', tmp_path / 'out'] * (command == 'make')))
        assert result.failed
        assert 'bad.py' in result.error + result.out


@pytest.mark.parametrize('arguments, message', [
    (('--count', '21'), '21 labelled images cannot be chosen'),
    (('--fraction', '2'), '2 is no fraction'),
    (('--val-count', '20'), 'No image is labelled'),
    (('--masks', 'nowhere'), 'none that has a mask'),
    (('--images', 'nowhere'), 'nowhere'),
    (('--num-classes', '3'), 'holds the values 3'),
    (('--label-map', '255'), 'pairs of numbers such as 255:1'),
    (('--fraction', '1/0'), '1/0 must be a share such as 1/16'),
])
def test_bad_requests_are_explained(run_tool, data, tmp_path, arguments,
                                    message):
    result = run_tool(TOOL, 'make', '--data-root', data, '--out',
                      tmp_path / 'out', *arguments)
    assert result.failed and message in result.error
    assert not (tmp_path / 'out').exists()


def test_single_class_is_noticed(run_tool, data, tmp_path):
    for path in (data / 'masks').rglob('*.png'):
        mask = cv2.imread(str(path), 0)
        cv2.imwrite(str(path), np.where(mask == 1, 255, 0).astype(np.uint8))
    result = run_tool(TOOL, 'make', '--data-root', data, '--out',
                      tmp_path / 'out')
    assert 'use --label-map 255:1' in result.out
    manifest = make(run_tool, data, tmp_path / 'mapped', '--label-map',
                    '255:1')
    assert manifest['lists']['labeled.txt']['class_pixels']['1'] == 160


CONFIG = """
train_dataloader = dict(dataset=dict(
    type='BaseSegDataset', data_root={root!r}, img_suffix='.png',
    data_prefix=dict(img_path='images', seg_map_path='masks'),
    metainfo=dict(classes=('one', 'two', 'three')), reduce_zero_label=True,
    pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]))
"""


def test_classes_that_the_labelled_images_lack(run_tool, data, tmp_path):
    """More images help with a class only if some mask shows it."""
    config = tmp_path / 'config.py'
    config.write_text(CONFIG.format(root=str(data)).replace(
        "'three')", "'three', 'four')"))
    result = run_tool(TOOL, 'make', '--config', config, '--count', '2',
                      '--balance', 'none', '--seed', '1',
                      '--out', tmp_path / 'out')
    assert not result.failed, result.error
    assert 'no labelled image shows' in result.out
    result = run_tool(TOOL, 'make', '--config', config, '--count', '3',
                      '--out', tmp_path / 'balanced')
    assert 'no mask at all shows four. ' in result.out
    assert 'no labelled image shows' not in result.out


def test_any_mmseg_config(run_tool, data, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(CONFIG.format(root=str(data)))
    result = run_tool(TOOL, 'make', '--config', config, '--count', '2',
                      '--out', tmp_path / 'out')
    assert not result.failed, result.error
    manifest = json.loads((tmp_path / 'out/manifest.json').read_text())
    assert manifest['classes'] == ['one', 'two', 'three']
    # The background is reduced away, so that each image shows 16 pixels of
    # one or two, and two images one of three.
    assert manifest['all_masks']['class_pixels'] == dict(
        one=160, two=160, three=2)
    assert manifest['lists']['labeled.txt']['class_images']['three'] > 0
    result = run_tool(TOOL, 'make', '--config', config, '--dataset',
                      'val_dataloader', '--out', tmp_path / 'x')
    assert result.failed and 'has no `val_dataloader`' in result.error


def test_new_masks_extend_the_labelled_images(run_tool, data, tmp_path):
    out = tmp_path / 'out'
    make(run_tool, data, out, '--count', '3', '--val-count', '5')
    before = {name: images(out / f'{name}.txt')
              for name in ('labeled', 'unlabeled', 'val')}
    # The images without masks; two of them are drawn, one with a new class.
    for name in ('21', '22'):
        image = cv2.imread(str(data / f'images/{name}.png'))
        cv2.imwrite(str(data / f'masks/{name}.png'),
                    np.full(image.shape[:2], 4, np.uint8))
    (tmp_path / 'only.txt').write_text('images/21.png\nimages/23.png\n')
    command = (TOOL, 'extend', '--data-root', data, '--out', out)
    result = run_tool(*command, '--only', tmp_path / 'only.txt')
    assert not result.failed, result.error
    assert images(out / 'labeled.txt') == [*before['labeled'],
                                           'images/21.png']
    assert images(out / 'val.txt') == before['val']
    assert set(before['unlabeled']) - set(images(out / 'unlabeled.txt')) == {
        'images/21.png'}
    manifest = json.loads((out / 'manifest.json').read_text())
    told = manifest['lists']['labeled.txt']
    assert manifest['classes'] == ['0', '1', '2', '3', '4']
    assert told['images'] == 4 and told['class_images']['4'] == 1
    assert not run_tool(TOOL, 'check', out, '--data-root', data).failed
    again = run_tool(*command, '--only', tmp_path / 'only.txt')
    assert again.failed and 'no unlabelled image of' in again.error
    # Masks were held back on purpose.
    result = run_tool(*command)
    assert result.failed and '3 labelled images out of more' in result.error
    assert run_tool(TOOL, 'extend', '--data-root', data, '--out',
                    tmp_path / 'none').failed


def test_extension_of_all_masks(run_tool, data, tmp_path):
    out = tmp_path / 'out'
    make(run_tool, data, out, '--val-count', '5')
    val = images(out / 'val.txt')
    # Unlabelled lists may name images of the others.
    with open(out / 'unlabeled.txt', 'a') as file:
        file.writelines(f'{name}\n' for name in [
            *val, *images(out / 'labeled.txt')])
    shape = cv2.imread(str(data / 'images/21.png')).shape
    for name in ('21', 'new'):
        cv2.imwrite(str(data / f'images/{name}.png'), np.zeros(shape))
        cv2.imwrite(str(data / f'masks/{name}.png'), np.ones(shape[:2]))
    cv2.imwrite(str(data / 'images/bare.png'), np.zeros(shape))
    command = (TOOL, 'extend', '--data-root', data, '--out', out)
    result = run_tool(*command)
    assert not result.failed, result.error
    labeled, unlabeled = (images(out / f'{name}.txt')
                          for name in ('labeled', 'unlabeled'))
    assert labeled[-2:] == ['images/21.png', 'images/new.png']
    assert len(set(labeled)) == len(labeled) == 17
    assert 'images/bare.png' in unlabeled and images(out / 'val.txt') == val
    assert not {*labeled, *val}.intersection(unlabeled)
    manifest = json.loads((out / 'manifest.json').read_text())
    assert manifest['images'] == 26 and manifest['masks'] == 22
    assert run_tool(*command).failed
    # One mask for two images is nobody's wish.
    cv2.imwrite(str(data / 'images/21.jpg'), np.zeros(shape))
    result = run_tool(*command)
    assert '21.jpg and ' in result.error and 'same mask' in result.error


def test_extension_keeps_held_out_images_out(run_tool, data, tmp_path):
    """Those that the list, of which the splits were made, does not name."""
    out = tmp_path / 'out'
    listed = [path.relative_to(data).as_posix()
              for path in sorted((data / 'images').rglob('*.png'))
              if int(path.stem) >= 8]
    (tmp_path / 'train.txt').write_text('\n'.join(listed))
    (tmp_path / 'config.py').write_text(f"""
train_dataloader = dict(dataset=dict(
    type='SplitSegDataset', data_root={str(data)!r}, img_suffix=None,
    metainfo=dict(classes=list('abcde'), palette=[[i] * 3 for i in range(5)]),
    data_prefix=dict(img_path='images', seg_map_path='masks'),
    pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]))
""")
    source = ('--config', tmp_path / 'config.py', '--out', out)
    result = run_tool(TOOL, 'make', *source, '--list', tmp_path / 'train.txt',
                      '--val-count', '3')
    assert not result.failed, result.error
    before = images(out / 'labeled.txt')
    shape = cv2.imread(str(data / 'images/21.png')).shape[:2]
    cv2.imwrite(str(data / 'masks/21.png'), np.ones(shape))
    result = run_tool(TOOL, 'extend', *source)
    assert not result.failed, result.error
    assert images(out / 'labeled.txt') == [*before, 'images/21.png']
    (tmp_path / 'train.txt').rename(tmp_path / 'moved.txt')
    assert 'give it by --list' in run_tool(TOOL, 'extend', *source).error
    result = run_tool(TOOL, 'extend', *source, '--list',
                      tmp_path / 'moved.txt')
    assert 'no unlabelled image' in result.error
    assert set(listed) == {image for name in ('labeled', 'unlabeled', 'val')
                           for image in images(out / f'{name}.txt')}


def test_extension_reads_masks_as_before(run_tool, data, tmp_path):
    make(run_tool, data, tmp_path / 'out', '--label-map', '3:1')
    result = run_tool(TOOL, 'extend', '--data-root', data, '--out',
                      tmp_path / 'out')
    assert result.failed
    assert "--label-map was ['3:1']" in result.error
    result = run_tool(TOOL, 'extend', '--data-root', data, '--images',
                      './images/', '--label-map', '3:1', '--out',
                      tmp_path / 'out')
    assert 'no unlabelled image' in result.error
    # voc_sbd.py tells its source in words.
    manifest = tmp_path / 'out/manifest.json'
    told = dict(json.loads(manifest.read_text()), source='VOC and SBD')
    manifest.write_text(json.dumps(told))
    result = run_tool(TOOL, 'extend', '--data-root', data, '--out',
                      tmp_path / 'out')
    assert 'no unlabelled image' in result.error


def test_missing_classes_and_images_are_told(run_tool, data, tmp_path):
    result = run_tool(TOOL, 'make', '--data-root', data, '--out',
                      tmp_path / 'out', '--val-count', '1')
    assert 'no image of val.txt shows' in result.out
    assert 'no image is unlabelled' not in result.out
    for path in (data / 'images').rglob('*.png'):
        if not (data / 'masks' / path.relative_to(data / 'images')).exists():
            path.unlink()
    result = run_tool(TOOL, 'make', '--data-root', data, '--out',
                      tmp_path / 'all')
    assert 'WARNING: no image is unlabelled' in result.out


def test_check_finds_nothing_wrong(run_tool, data, tmp_path):
    make(run_tool, data, tmp_path / 'out', '--count', '3', '--val-count', '2')
    result = run_tool(TOOL, 'check', tmp_path / 'out', '--data-root', data)
    assert not result.failed and '0 problem(s)' in result.out
    assert 'labeled: 3 images, 3 masks' in result.out
    # As other projects would have written the same lists.
    for name in ('labeled', 'unlabeled'):
        lines = ['/' + '\t/'.join(part for part in entry if part)
                 for entry in read_split(tmp_path / f'out/{name}.txt')]
        (tmp_path / f'{name}.txt').write_bytes('\r\n'.join(lines).encode())
    result = run_tool(TOOL, 'check', '--labeled', tmp_path / 'labeled.txt',
                      '--unlabeled', tmp_path / 'unlabeled.txt',
                      '--data-root', data)
    assert not result.failed, result.out


def test_check_names_every_problem(run_tool, data, tmp_path):
    out = tmp_path / 'out'
    make(run_tool, data, out, '--count', '3', '--val-count', '2')
    first = (out / 'val.txt').read_text().splitlines()[0]
    labeled = images(out / 'labeled.txt')
    with open(out / 'labeled.txt', 'a') as file:
        file.write(f'{first}\nimages/gone.png\tmasks/gone.png\n')
    with open(out / 'unlabeled.txt', 'a') as file:
        file.write(f'images/../{labeled[0]}\tNone\n{labeled[1]}\tNone\n'
                   f'images/../{labeled[1]}\tNone\n'
                   f'{labeled[0].replace("images", "masks")}\tNone\n')
    result = run_tool(TOOL, 'check', out, '--data-root', data)
    assert result.failed
    for part in ('labeled.txt was changed', 'unlabeled.txt was changed',
                 '1 of 5 images missing', 'images/gone.png',
                 '1 of 5 masks missing', 'listed more than once',
                 'share 2 image(s)', 'note: ', 'val.txt share 1 image(s)',
                 'are masks and no images'):
        assert part in result.out, (part, result.out)


def test_check_of_a_config(run_tool, data, tmp_path, monkeypatch):
    make(run_tool, data, tmp_path / 'splits/x', '--count', '3',
         '--val-count', '2')
    monkeypatch.chdir(tmp_path)
    config = tmp_path / 'config.py'
    common = dict(type='SplitSegDataset', data_root='data',
                  metainfo=dict(classes=('a', 'b', 'c', 'd')))
    val = dict(dataset=dict(ann_file='splits/x/val.txt', **common))
    config.write_text('\n'.join([
        f'val_dataloader = {val}', f'test_dataloader = {val}',
        f'''train_dataloader = {dict(dataset=dict(
            type='SemiSegDataset',
            labeled=dict(ann_file='splits/x/labeled.txt', **common),
            unlabeled=dict(type='UnlabeledDataset', data_root='data',
                           ann_file='splits/x/unlabeled.txt')))}''']))
    result = run_tool(TOOL, 'check', '--config', config)
    assert not result.failed, result.out + result.error
    assert 'unlabeled: 19 images, 0 masks' in result.out
    with open('splits/x/val.txt', 'a') as file:
        file.write('images/gone.png\tmasks/gone.png\n')
    result = run_tool(TOOL, 'check', '--config', config)
    assert result.failed and 'val.txt was changed' in result.out
    result = run_tool(TOOL, 'check', '--config', config, '--cfg-options',
                      'val_dataloader.dataset.ann_file=nowhere.txt')
    assert result.failed and 'nowhere.txt is not a file' in result.out


def test_check_of_a_config_with_several_datasets(run_tool, data, tmp_path,
                                                 monkeypatch):
    make(run_tool, data, tmp_path / 'splits/x', '--count', '3',
         '--val-count', '2')
    monkeypatch.chdir(tmp_path)
    lines = Path('splits/x/labeled.txt').read_text().splitlines(True)
    Path('one.txt').write_text(''.join(lines[:1]))
    Path('more.txt').write_text(''.join(lines[1:]))
    common = dict(type='SplitSegDataset', data_root='data',
                  metainfo=dict(classes=('a', 'b', 'c', 'd')))
    both = dict(type='ConcatDataset', datasets=[
        dict(ann_file='one.txt', **common),
        dict(type='RepeatDataset', times=2,
             dataset=dict(ann_file='more.txt', **common))])
    val = dict(dataset=dict(ann_file='splits/x/val.txt', **common))
    train = dict(dataset=dict(
        type='SemiSegDataset', labeled=both,
        unlabeled=dict(type='UnlabeledDataset', data_root='data',
                       ann_file='splits/x/unlabeled.txt')))
    config = tmp_path / 'config.py'
    config.write_text(f'train_dataloader = {train}\nval_dataloader = {val}\n'
                      f'test_dataloader = {val}\n')
    result = run_tool(TOOL, 'check', '--config', config)
    assert not result.failed, result.out + result.error
    assert 'labeled: 3 images, 3 masks' in result.out
    assert 'labeled.datasets.1.dataset` (more.txt)' in result.out
    with open('more.txt', 'a') as file:
        file.write(lines[0])
    result = run_tool(TOOL, 'check', '--config', config)
    assert result.failed and 'listed more than once' in result.out
    result = run_tool(TOOL, 'check', '--config', config, '--labeled',
                      'splits/x/labeled.txt')
    assert result.failed
    assert '--labeled cannot replace the lists of 2 datasets' in result.out
