# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The tool that predicts a folder, from the shell's side."""
import csv
import os
import shutil
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmseg.apis import inference_model, init_model
from PIL import Image


@pytest.fixture
def photos(scene_folder, tmp_path) -> Path:
    """Four images of two sizes, two of the same name, one in a subfolder."""
    folder = tmp_path / 'photos'
    (folder / 'more').mkdir(parents=True)
    for index, name in enumerate(['a.png', 'c.png', 'more/a.png']):
        shutil.copy(scene_folder / f'images/unlabeled{index}.png',
                    folder / name)
    image = cv2.imread(str(folder / 'a.png'))
    cv2.imwrite(str(folder / 'a.jpg'), cv2.resize(image, (40, 24)))
    return folder


@pytest.fixture
def predict(write_by_tool):
    return partial(write_by_tool, 'predict.py')


def files_of(out: Path) -> list:
    return sorted(str(path.relative_to(out)) for path in out.rglob('*')
                  if path.is_file())


def table_of(out: Path) -> dict:
    with (out / 'predictions.csv').open(encoding='utf-8', newline='') as file:
        return {row['image']: row for row in csv.DictReader(file)}


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_masks_maps_and_table(trained, predict, photos):
    config, checkpoint = trained()
    before = files_of(photos)
    out = predict(config, checkpoint, photos)
    assert files_of(photos) == before
    names = ['a.jpg', 'a.png', 'c', 'more/a']
    assert files_of(out) == sorted(
        [f'{folder}/{name}{ending}' for name in names
         for folder, ending in (('masks', '.png'), ('overlays', '.jpg'),
                                ('posterior', '.tiff'), ('variance', '.tiff'))]
        + ['classes.csv', 'predictions.csv', 'predictions.json'])
    table = table_of(out)
    assert sorted(table) == ['a.jpg', 'a.png', 'c.png', 'more/a.png']

    model = init_model(config, str(checkpoint), device='cpu')
    for (image, row), name in zip(sorted(table.items()), names):
        # One by one, as mmseg's own function predicts.
        sample = inference_model(model, str(photos / image))
        label = sample.pred_sem_seg.data[0].numpy()
        mask = read(out / f'masks/{name}.png')
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, label)
        assert (int(row['height']), int(row['width'])) == label.shape
        variance = read(out / f'variance/{name}.tiff')
        np.testing.assert_allclose(variance, sample.pred_variance.data[0],
                                   rtol=1e-4)
        assert float(row['variance']) == pytest.approx(variance.mean(), 1e-4)
        prob = sample.seg_logits.data.softmax(dim=0).amax(dim=0)
        assert float(row['confidence']) == pytest.approx(
            float(prob.mean()), abs=1e-4)
        assert [float(row[f'share_{name}'])
                for name in ('ground', 'disc', 'bar')] == pytest.approx(
                    [(label == index).mean() for index in range(3)], abs=1e-5)
        assert read(out / f'overlays/{name}.jpg').shape[:2] == label.shape
    assert (out / 'classes.csv').read_text().splitlines()[1:] == [
        '0,ground,0,0,0', '1,disc,255,0,0', '2,bar,0,255,0']


def test_goes_on_where_it_was_cut(trained, predict, photos):
    config, checkpoint = trained('supervised')
    arguments = (config, checkpoint, photos, '--batch-size', 1)
    out = predict(*arguments)
    whole = (out / 'predictions.csv').read_text()
    assert not (out / 'variance').exists()
    # The process was killed while it wrote the third row.
    (out / 'predictions.csv').write_text(
        whole[:whole.index('c.png') + len('c.pn')])
    stamps = {}
    for path in (out / 'masks').rglob('*.png'):
        os.utime(path, (0, 0))
        stamps[path.name] = path
    again = predict(*arguments)
    assert (again / 'predictions.csv').read_text() == whole
    assert {name for name, path in stamps.items()
            if path.stat().st_mtime == 0} == {'a.jpg.png', 'a.png.png'}


def test_mean_and_disagreement_of_augmentations(trained, predict, photos):
    config, checkpoint = trained()
    out = predict(config, checkpoint, photos, '--tta')
    model = init_model(config, str(checkpoint), device='cpu')
    for image, row in table_of(out).items():
        pixels = cv2.imread(str(photos / image))
        mirrored = np.ascontiguousarray(pixels[:, ::-1])
        one, other = (
            result.seg_logits.data.softmax(dim=0)
            for result in inference_model(model, [pixels, mirrored]))
        probs = torch.stack([one, other.flip(-1)]).double()
        mean = probs.mean(dim=0)
        name = image[:-4] if image[0] != 'a' else image
        np.testing.assert_array_equal(
            read(out / f'masks/{name}.png'), mean.argmax(dim=0))
        information = (probs * (probs / mean).log()).sum(dim=1).mean(dim=0)
        np.testing.assert_allclose(
            read(out / f'disagreement/{name}.tiff'), information, atol=1e-6)
        assert float(row['disagreement']) == pytest.approx(
            float(information.mean()), abs=1e-6)
        assert float(row['confidence']) == pytest.approx(
            float(mean.amax(dim=0).mean()), abs=1e-4)
        assert float(row['variance']) > 0


@pytest.mark.parametrize('color_type', ['color', 'unchanged'])
def test_an_overlay_shows_what_was_predicted(trained, predict, tmp_path,
                                             color_type):
    """A photograph that was held upside down."""
    folder, ramp = tmp_path / 'turned', np.zeros((24, 40, 3), np.uint8)
    folder.mkdir()
    ramp[:12] = 250
    exif = Image.Exif()
    exif[0x112] = 3
    Image.fromarray(ramp).save(folder / 'a.jpg', exif=exif)
    config, checkpoint = trained(extra=f'''
test_pipeline[0] = dict(type='LoadImageFromFile', color_type='{color_type}')
''')
    out = predict(config, checkpoint, folder)
    overlay = read(out / 'overlays/a.jpg').astype(float)
    lighter = overlay[:12].mean() - overlay[12:].mean()
    assert lighter < -50 if color_type == 'color' else lighter > 50


def test_a_role_that_is_not_there(trained, predict, photos, capsys):
    config, checkpoint = trained('supervised')
    with pytest.raises(SystemExit):
        predict(config, checkpoint, photos, '--role', 'teacher')
    assert '--role teacher' in capsys.readouterr().err


def test_only_what_is_asked_for(trained, predict, photos):
    out = predict(*trained(), photos, '--write', 'masks', '--role', 'student')
    assert {path.name for path in out.iterdir()} == {
        'masks', 'classes.csv', 'predictions.csv', 'predictions.json'}
    assert float(table_of(out)['a.png']['variance']) > 0


def test_results_of_two_runs_do_not_mix(trained, predict, photos, capsys):
    config, checkpoint = trained('supervised')
    predict(config, checkpoint, photos, '--write', 'masks')
    other = trained('mean_teacher')
    with pytest.raises(SystemExit):
        predict(*other, photos, '--write', 'masks')
    error = capsys.readouterr().err
    assert 'made with checkpoint' in error and '--overwrite' in error
    predict(*other, photos, '--write', 'masks', '--overwrite')


def test_overwriting_leaves_nothing_of_the_earlier_run(
        trained, predict, photos, tmp_path):
    config, checkpoint = trained()
    out = predict(config, checkpoint, photos)
    (out / 'notes.txt').write_text('mine')
    (out / 'image').mkdir()
    (out / 'image/my.tiff').write_text('mine, too')
    other = tmp_path / 'other'
    other.mkdir()
    shutil.copy(photos / 'c.png', other / 'd.png')
    predict(config, checkpoint, other, '--overwrite', '--write', 'masks')
    assert files_of(out) == ['classes.csv', 'image/my.tiff', 'masks/d.png',
                             'notes.txt', 'predictions.csv',
                             'predictions.json']


ONE_CHANNEL = """
model['num_classes'] = 2
model['segmentor']['decode_head'].update(
    out_channels=1, threshold=0.3,
    loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
model['segmentor']['auxiliary_head'] = None
test_dataloader = None
test_evaluator = None
test_cfg = None
"""


@pytest.mark.parametrize('options', [[], ['--tta']])
def test_one_channel_without_a_test_part(trained, predict, photos, options):
    config, checkpoint = trained('supervised', extra=ONE_CHANNEL)
    out = predict(config, checkpoint, photos, *options)
    model = init_model(config, str(checkpoint), device='cpu')
    mask = read(out / 'masks/c.png')
    assert set(np.unique(mask)) <= {0, 1}
    if not options:
        sample = inference_model(model, str(photos / 'c.png'))
        np.testing.assert_array_equal(mask, sample.pred_sem_seg.data[0])


@pytest.mark.parametrize('what, words', [
    ('no folder', "is no folder"), ('empty', 'holds no image'),
    ('inside', 'lies inside the data'), ('other files', 'holds other files'),
    ('damaged', 'more/broken.png'), ('channels', '1 channel'),
    ('no checkpoint', 'does not exist'), ('no names', 'has 2 classes'),
    ('no augmentations', '--tta needs tta_pipeline')])
def test_refusals(trained, predict, photos, tmp_path, capsys, what, words):
    config, checkpoint = trained()
    out = 'out'
    if what == 'no folder':
        photos = photos / 'a.png'
    elif what == 'empty':
        photos = tmp_path / 'empty'
        photos.mkdir()
    elif what == 'inside':
        out = str(photos / 'new')
    elif what == 'other files':
        (tmp_path / 'out').mkdir()
        (tmp_path / 'out/thesis.tex').write_text('')
    elif what == 'damaged':
        (photos / 'more/broken.png').write_bytes(
            (photos / 'a.png').read_bytes()[:100])
    elif what == 'channels':
        config, checkpoint = trained(
            extra="test_pipeline = [dict(type='LoadImageFromFile', "
            "color_type='grayscale'), dict(type='PackSegInputs')]\n")
    elif what == 'no checkpoint':
        checkpoint = 'missing.pth'
    elif what == 'no names':
        content = torch.load(checkpoint)
        content['meta']['dataset_meta']['classes'] = ('ground', 'disc')
        torch.save(content, checkpoint)
    options = []
    if what == 'no augmentations':
        options = ['--tta', '--cfg-options', 'tta_pipeline=None']
    before = files_of(tmp_path)
    with pytest.raises(SystemExit):
        predict(config, checkpoint, photos, *options, out=out)
    assert words in capsys.readouterr().err
    assert files_of(tmp_path) == before
