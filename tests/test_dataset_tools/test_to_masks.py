# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What annotation tools write becomes masks of class numbers."""
import base64
import io
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

SIZE = (60, 80)  # height, width


def write_image(path: Path, size: tuple = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(path)


def shape(label: str, points: list, kind: str = 'polygon', **more) -> dict:
    return dict(label=label, points=points, shape_type=kind, **more)


def write_labelme(folder: Path, name: str, shapes: list,
                  size: tuple = SIZE) -> None:
    (folder / name).with_suffix('.json').write_text(json.dumps(dict(
        version='5.4.1', imagePath=Path(name).name, imageData=None,
        imageHeight=size[0], imageWidth=size[1], shapes=shapes)))


def read(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


@pytest.fixture
def photographs(tmp_path) -> Path:
    folder = tmp_path / 'photographs'
    for name in ('a.jpg', 'more/b.jpg', 'bare.jpg'):
        write_image(folder / name)
    return folder


CAR = [[10, 10], [50, 12], [40, 40], [12, 38]]
WHEEL = [[15, 30], [25, 38]]


def draw(points: list) -> np.ndarray:
    """OpenCV's polygon as the oracle."""
    mask = np.zeros(SIZE, np.uint8)
    cv2.fillPoly(mask, [np.array(points)], 1)
    return mask > 0


@pytest.fixture
def labelme(photographs) -> Path:
    pytest.importorskip('pycocotools')
    png = io.BytesIO()
    Image.fromarray(np.eye(5, dtype=np.uint8) * 255).save(png, format='PNG')
    write_labelme(photographs, 'a.jpg', [
        shape('wheel', WHEEL, 'rectangle'), shape('car', CAR),
        shape('__ignore__', [[70, 50], [75, 50]], 'circle')])
    write_labelme(photographs, 'more/b.jpg', [
        shape('car', [[3, 4], [7, 8]], 'mask',
              mask=base64.b64encode(png.getvalue()).decode())])
    (photographs / 'notes.json').write_text('{"by": "me"}')
    return photographs


def files_of(folder: Path) -> dict:
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob('*') if path.is_file()}


def test_labelme(labelme, run_tool, tmp_path, monkeypatch):
    before = files_of(labelme)
    monkeypatch.chdir(tmp_path)
    result = run_tool('to_masks.py', 'labelme', labelme, '--rest', 'ground',
                      '--out', 'data/mine')
    assert not result.failed, result.error
    assert files_of(labelme) == before
    out = tmp_path / 'data/mine'
    assert sorted(files_of(out)) == ['data.py', 'masks/a.png',
                                     'masks/more/b.png']
    mask = read(out / 'masks/a.png')
    assert mask.dtype == np.uint8 and mask.shape == SIZE
    # Classes by name behind the rest; the smaller shape is on top.
    expected = np.where(draw(CAR), 1, 0)
    expected[30:38, 15:25] = 2
    circle = np.hypot(*(np.indices(SIZE) + 0.5 - np.array(
        [[[50]], [[70]]]))) < 5
    expected[circle] = 255
    # Edges may round otherwise.
    assert (mask != expected).mean() < 0.02
    assert (mask == 255).sum() == pytest.approx(np.pi * 25, rel=0.1)
    np.testing.assert_array_equal(
        np.argwhere(read(out / 'masks/more/b.png')),
        np.arange(5)[:, None] + [4, 3])
    assert 'In 1 images shapes of different classes overlap' in result.out

    cfg = Config.fromfile(out / 'data.py')
    assert cfg.classes == ('ground', 'car', 'wheel')
    assert len(cfg.palette) == 3 and len(set(map(tuple, cfg.palette))) == 3
    root = Path(cfg.data_root)
    assert (root / cfg.image_folder / 'more/b.jpg').is_file()
    assert (root / cfg.mask_folder / 'more/b.png').is_file()
    assert cfg.img_suffix is None


def test_order_and_names(labelme, run_tool, tmp_path):
    result = run_tool(
        'to_masks.py', 'labelme', labelme, '--rest', 'void', '--out',
        tmp_path / 'out', '--classes', 'vehicle', 'unused', '--rename',
        'car=vehicle', '--rename', 'wheel=vehicle')
    assert not result.failed, result.error
    mask = read(tmp_path / 'out/masks/a.png')
    assert set(np.unique(mask)) == {0, 255} and mask[0, 0] == 255
    assert mask[34, 20] == 0
    result = run_tool(
        'to_masks.py', 'labelme', labelme, '--rest', 'ground', '--out',
        tmp_path / 'last', '--on-top', 'last', '--void', 'wheel')
    assert not result.failed, result.error
    # The car was drawn after the wheel.
    assert read(tmp_path / 'last/masks/a.png')[34, 20] == 1


def coco(folder: Path, annotations: list) -> Path:
    """A file of three images and two categories with numbers of their own."""
    images = [dict(id=7 + index, file_name=name, height=SIZE[0],
                   width=SIZE[1])
              for index, name in enumerate(['a.jpg', 'more/b.jpg',
                                            'bare.jpg'])]
    path = folder.parent / 'instances.json'
    path.write_text(json.dumps(dict(
        images=images, categories=[dict(id=3, name='wheel'),
                                   dict(id=11, name='car')],
        annotations=[dict(id=index, iscrowd=0, **entry)
                     for index, entry in enumerate(annotations)])))
    return path


def test_a_second_round_keeps_numbers_and_settings(labelme, run_tool,
                                                   tmp_path):
    out = tmp_path / 'out'
    command = ('to_masks.py', 'labelme', labelme, '--rest', 'background',
               '--out', out)
    assert not run_tool(*command).failed
    data = out / 'data.py'
    text = data.read_text().replace('crop_size = (320, 320)',
                                    'crop_size = (64, 96)')
    # As a formatter writes it.
    text = text.replace("classes = ('background', 'car', 'wheel')",
                        "classes = (\n    'background',\n    'car',\n"
                        "    'wheel')")
    text = re.sub(r'^palette = .*$', 'palette = [[0, 0, 0], [1, 2, 3], '
                  '[4, 5, 6]]', text, flags=re.MULTILINE)
    data.write_text(text)
    # 'bird' would come before 'car'; nobody draws wheels any more.
    write_labelme(labelme, 'a.jpg', [shape('bird', CAR)])
    result = run_tool(*command, '--overwrite')
    assert not result.failed, result.error
    assert 'New classes: bird' in result.out and 'WARNING' not in result.out
    cfg = Config.fromfile(data)
    assert cfg.classes == ('background', 'car', 'wheel', 'bird')
    assert cfg.palette[1] == [1, 2, 3] and cfg.crop_size == (64, 96)
    assert len(cfg.palette) == 4
    assert set(np.unique(read(out / 'masks/a.png'))) == {0, 3}
    # A new name for a class, and a file that nobody draws on any more.
    (labelme / 'more/b.json').unlink()
    result = run_tool(*command, '--overwrite', '--rename', 'car=vehicle')
    assert Config.fromfile(data).classes == (
        'background', 'vehicle', 'wheel', 'bird')
    assert 'b.png for one, and remain' in result.out
    write_labelme(labelme, 'a.jpg', [shape('Bird', CAR)])
    result = run_tool(*command, '--overwrite')
    assert result.failed and "--rename 'Bird'='bird'" in result.error
    write_labelme(labelme, 'a.jpg', [shape('bird', CAR)])
    # Whoever gives another order is told.
    result = run_tool(*command, '--overwrite', '--classes', 'background',
                      'bird', 'vehicle', 'wheel')
    assert 'WARNING: the classes had other numbers' in result.out
    before = files_of(out)
    good = data.read_text()
    for text, words in (
            ("data_root = '.'", 'does not set'), ('classes = (', 'line 1'),
            (good.replace('\nclasses =', '\nx = 1; classes ='),
             '`classes` once'),
            (good + "classes += ('x',)\n", '`classes` once'),
            (good.replace('\npalette =', '\npalette = colors ='),
             '`palette` once'),
            (re.sub(r'palette = .*', 'palette = []', good), '0 colours'),
            (re.sub(r'palette = .*', 'palette = list()', good), 'plain')):
        data.write_text(text)
        result = run_tool(*command, '--overwrite')
        assert result.failed and words in result.error
        assert {**files_of(out), 'data.py': before['data.py']} == before


def test_typing_errors_are_told(labelme, run_tool, tmp_path):
    write_labelme(labelme, 'a.jpg', [shape('wheel', CAR)] * 5)
    write_labelme(labelme, 'more/b.jpg', [shape('whel', CAR)])
    command = ('to_masks.py', 'labelme', labelme, '--rest', 'ground', '--out',
               tmp_path / 'out')
    result = run_tool(*command, '--classes', 'ground', 'wheel')
    assert "lacks 'whel' (" in result.error and 'b.jpg, for' in result.error
    result = run_tool(*command)
    assert not result.failed and "--rename 'whel'='wheel'" in result.out


def test_photographs_with_several_endings(labelme, run_tool, tmp_path,
                                          tmp_path_factory, monkeypatch):
    """Cameras write .JPG, and others .jpeg or .png."""
    (labelme / 'bare.jpg').rename(labelme / 'bare.JPG')
    write_image(labelme / 'other.png')
    monkeypatch.chdir(tmp_path)
    result = run_tool('to_masks.py', 'labelme', labelme, '--rest', 'ground',
                      '--out', 'out')
    assert '2 masks for 4 images' in result.out
    splits = tmp_path_factory.mktemp('splits')
    result = run_tool('semi_splits.py', 'make', '--config', 'out/data.py',
                      '--out', splits / 'one')
    assert not result.failed, result.error
    listed = (splits / 'one/unlabeled.txt').read_text().split()
    assert [Path(name).name for name in listed] == ['bare.JPG', 'other.png']
    # A hand-written data file names one ending.
    result = run_tool('semi_splits.py', 'make', '--config', 'out/data.py',
                      '--cfg-options',
                      'train_dataloader.dataset.labeled.img_suffix=.jpg',
                      '--out', splits / 'two')
    assert 'WARNING: 2 images have another ending' in result.out


def test_coco(photographs, run_tool, tmp_path):
    coding = pytest.importorskip('pycocotools.mask')
    region = np.zeros(SIZE, np.uint8)
    region[20:30, 5:50] = 1
    compressed = coding.encode(np.asfortranarray(region))
    runs = [20 + 5 * SIZE[0]] + [10, 50] * 44 + [10]
    runs.append(SIZE[0] * SIZE[1] - sum(runs))
    file = coco(photographs, [
        dict(image_id=7, category_id=11,
             segmentation=[[v for point in CAR for v in point],
                           [60, 5, 70, 5, 70, 15, 60, 15]]),
        dict(image_id=8, category_id=3, segmentation=dict(
            size=SIZE, counts=compressed['counts'].decode())),
        dict(image_id=8, category_id=11, segmentation=dict(
            size=SIZE, counts=runs))])
    result = run_tool('to_masks.py', 'coco', file, '--images', photographs,
                      '--rest', 'background', '--out', tmp_path / 'out')
    assert not result.failed, result.error
    mask = read(tmp_path / 'out/masks/a.png')
    expected = draw(CAR)
    expected[5:15, 60:70] = True
    assert ((mask == 1) != expected).mean() < 0.02
    np.testing.assert_array_equal(
        read(tmp_path / 'out/masks/more/b.png') > 0, region)
    assert not (tmp_path / 'out/masks/bare.png').exists()
    assert '1 images without any shape are left unlabelled' in result.out
    result = run_tool('to_masks.py', 'coco', file, '--images', photographs,
                      '--rest', 'background', '--out', tmp_path / 'out',
                      '--overwrite', '--empty', 'rest')
    assert not result.failed, result.error
    assert not read(tmp_path / 'out/masks/bare.png').any()


COLORS = dict(sky=(70, 130, 180), road=(128, 64, 128), edge=(224, 224, 192))


TRIANGLE = [10, 10, 30, 10, 20, 30]
COCO_FAULTS = {
    "'d'": lambda told: told['annotations'][0].update(image_id='d'),
    'has the id 7 twice': lambda told: told['images'][1].update(id=7),
    'has the id 3 twice': lambda told: told['categories'][1].update(id=3),
    'annotation 0 lacks 9':
    lambda told: told['annotations'][0].update(category_id=9),
    "image 7 lacks 'width'": lambda told: told['images'][0].pop('width'),
    'annotation 0 is damaged: [10, 10, 30, 30] is no polygon':
    lambda told: told['annotations'][0].update(
        segmentation=[[10, 10, 30, 30]]),
    'annotation 0 is damaged: 10 is no polygon':
    lambda told: told['annotations'][0].update(segmentation=TRIANGLE),
    'is no number': lambda told: told['annotations'][0].update(
        segmentation=[[*TRIANGLE[:5], None]]),
    'of an image of 5x4 pixels': lambda told: told['annotations'][0].update(
        segmentation=dict(size=[4, 5], counts='4`0')),
    'has no annotations, categories, images': lambda told: told.clear(),
}


@pytest.mark.parametrize('words', COCO_FAULTS)
def test_faults_of_coco_files_are_named(photographs, run_tool, tmp_path,
                                        words):
    pytest.importorskip('pycocotools')
    path = coco(photographs, [dict(image_id=7, category_id=3,
                                   segmentation=[TRIANGLE])])
    told = json.loads(path.read_text())
    COCO_FAULTS[words](told)
    path.write_text(json.dumps(told))
    result = run_tool('to_masks.py', 'coco', path, '--images', photographs,
                      '--rest', 'ground', '--out', tmp_path / 'out')
    assert result.failed and words in result.error, result.error
    assert str(path) in result.error


def test_linked_images(photographs, run_tool, tmp_path):
    pytest.importorskip('pycocotools')
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    (photographs / 'a.jpg').rename(elsewhere / 'a.jpg')
    (photographs / 'a.jpg').symlink_to(elsewhere / 'a.jpg')
    write_labelme(photographs, 'a.jpg', [shape('car', CAR)])
    result = run_tool('to_masks.py', 'labelme', photographs, '--rest', 'void',
                      '--out', tmp_path / 'out')
    assert not result.failed, result.error
    assert read(tmp_path / 'out/masks/a.png').shape == SIZE


@pytest.fixture
def painted(photographs, tmp_path) -> Path:
    folder = tmp_path / 'painted'
    (folder / 'more').mkdir(parents=True)
    color = np.zeros((*SIZE, 3), np.uint8)
    color[:] = COLORS['sky']
    color[30:] = COLORS['road']
    color[28:32] = COLORS['edge']
    Image.fromarray(color).save(folder / 'a.png')
    Image.fromarray(color).quantize(8).save(folder / 'more/b.png')
    return folder


def test_colors_with_names(painted, photographs, run_tool, tmp_path):
    (tmp_path / 'colors.txt').write_text('# of a tool\n' + ''.join(
        f'{" ".join(map(str, color))} {name}\n'
        for name, color in COLORS.items()))
    result = run_tool('to_masks.py', 'colors', painted, '--images',
                      photographs, '--palette', tmp_path / 'colors.txt',
                      '--void', 'edge', '--out', tmp_path / 'out')
    assert not result.failed, result.error
    expected = np.zeros(SIZE, np.uint8)
    expected[30:] = 1
    expected[28:32] = 255
    for name in ('a', 'more/b'):
        np.testing.assert_array_equal(
            read(tmp_path / f'out/masks/{name}.png'), expected)
    cfg = Config.fromfile(tmp_path / 'out/data.py')
    assert cfg.classes == ('sky', 'road')
    assert cfg.palette == [list(COLORS['sky']), list(COLORS['road'])]


def test_colors_that_were_smeared(painted, photographs, run_tool, tmp_path):
    """JPEG masks: the colours are found, edges are snapped or void."""
    for path in sorted(painted.rglob('*.png')):
        Image.open(path).convert('RGB').save(path.with_suffix('.jpg'),
                                             quality=75)
        path.unlink()
    result = run_tool('to_masks.py', 'colors', painted, '--images',
                      photographs, '--out', tmp_path / 'out')
    assert not result.failed, result.error
    cfg = Config.fromfile(tmp_path / 'out/data.py')
    for name in ('sky', 'road'):
        nearest = min(cfg.palette, key=lambda color: np.abs(
            np.subtract(color, COLORS[name])).max())
        assert np.abs(np.subtract(nearest, COLORS[name])).max() <= 4
        number = cfg.palette.index(nearest)
        rows = slice(0, 24) if name == 'sky' else slice(36, None)
        assert (read(tmp_path / 'out/masks/a.png')[rows] == number).all()
    assert 'near to that of a class' in result.out
    # Names that were given by hand, for colours that are found again.
    data = tmp_path / 'out/data.py'
    data.write_text(re.sub(r'color_\w+', lambda name: f'my_{name[0][6]}',
                           data.read_text(), count=1))
    before, masks = Config.fromfile(data), files_of(tmp_path / 'out/masks')
    result = run_tool('to_masks.py', 'colors', painted, '--images',
                      photographs, '--out', tmp_path / 'out', '--overwrite')
    assert not result.failed and 'WARNING' not in result.out
    after = Config.fromfile(data)
    assert after.classes == before.classes and 'my_' in after.classes[0]
    assert after.palette == before.palette
    assert files_of(tmp_path / 'out/masks') == masks
    # One colour is missing now, and one is new.
    for path in painted.rglob('*.jpg'):
        image = np.array(Image.open(path).convert('RGB'))
        image[:] = after.palette[1]
        image[:9] = 5, 250, 5
        Image.fromarray(image).save(path.with_suffix('.png'))
        path.unlink()
    result = run_tool('to_masks.py', 'colors', painted, '--images',
                      photographs, '--out', tmp_path / 'out', '--overwrite')
    assert 'New classes: color_05fa05' in result.out
    assert set(np.unique(read(tmp_path / 'out/masks/a.png'))) == {
        1, len(after.classes)}


def test_mat(photographs, run_tool, tmp_path, monkeypatch):
    io_of = pytest.importorskip('scipy.io')
    folder = tmp_path / 'matrices'
    folder.mkdir()
    mask = np.arange(np.prod(SIZE)).reshape(SIZE) % 5
    io_of.savemat(folder / 'a.mat', dict(groundtruth=mask.astype(float)))
    result = run_tool('to_masks.py', 'mat', folder, '--images', photographs,
                      '--out', tmp_path / 'out')
    assert not result.failed, result.error
    np.testing.assert_array_equal(read(tmp_path / 'out/masks/a.png'), mask)
    data = tmp_path / 'out/data.py'
    assert len(Config.fromfile(data).classes) == 5
    data.write_text(data.read_text().replace('class_3', 'road'))
    io_of.savemat(folder / 'a.mat', dict(groundtruth=mask + mask // 4))
    result = run_tool('to_masks.py', 'mat', folder, '--images', photographs,
                      '--out', tmp_path / 'out', '--overwrite')
    assert 'New classes: class_5' in result.out
    assert Config.fromfile(data).classes == (
        'class_0', 'class_1', 'class_2', 'road', 'class_4', 'class_5')
    # A number that label_map makes another class is none.
    data.write_text(data.read_text().replace('label_map = {}',
                                             'label_map = {9: 255}'))
    io_of.savemat(folder / 'a.mat', dict(groundtruth=mask + 5 * (mask // 4)))
    assert not run_tool('to_masks.py', 'mat', folder, '--images', photographs,
                        '--out', tmp_path / 'out', '--overwrite').failed
    assert len(Config.fromfile(data).classes) == 6

    for told, words in [(dict(one=mask, two=mask), 'name one by --key'),
                        (dict(half=mask + 0.5), 'no class numbers'),
                        (dict(), '0 matrices')]:
        io_of.savemat(folder / 'a.mat', told)
        result = run_tool('to_masks.py', 'mat', folder, '--images',
                          photographs, '--out', tmp_path / 'other')
        assert words in result.error and 'a.mat' in result.error

    # A matrix that cannot be used is told before any mask is written.
    io_of.savemat(folder / 'a.mat', dict(groundtruth=mask))
    io_of.savemat(folder / 'b.mat', dict())
    monkeypatch.setattr('prcl_mmseg.datasets.thread_map._CHUNK', 1)
    result = run_tool('to_masks.py', 'mat', folder, '--images', photographs,
                      '--out', tmp_path / 'other')
    assert 'b.mat' in result.error
    assert not list((tmp_path / 'other').rglob('*.png'))


PNG = io.BytesIO()
Image.fromarray(np.full((5, 5), 255, np.uint8)).save(PNG, format='PNG')
MASK = base64.b64encode(PNG.getvalue()).decode()
LABELME_FAULTS = {
    'differ by capitals': [shape('car', CAR), shape('Car ', CAR)],
    'is no region': [shape('car', [[1, 1], [5, 5]], 'line')],
    'the coordinate None is no number':
    [shape('car', [[1, 1], [None, 5], [5, 5]])],
    "lacks 'label'": [dict(points=CAR, shape_type='polygon')],
    'a shape is damaged': [shape('car', 7)],
    'reaches over the border': [shape(
        'car', [[78, 4], [90, 8]], 'mask', mask=MASK)],
}


@pytest.mark.parametrize('words', [
    *LABELME_FAULTS, 'give the image that was annotated', 'does not exist',
    'lies inside the data', 'is no JSON file', 'no image has a shape',
    '--classes lacks', 'already; choose another'])
def test_what_is_refused(labelme, run_tool, tmp_path, words):
    options = ['--rest', 'background', '--out', tmp_path / 'out']
    if words in LABELME_FAULTS:
        write_labelme(labelme, 'a.jpg', LABELME_FAULTS[words])
    elif words == 'give the image that was annotated':
        write_image(labelme / 'a.jpg', (SIZE[0], SIZE[1] + 1))
    elif words == 'does not exist':
        (labelme / 'a.jpg').unlink()
    elif words == 'lies inside the data':
        options[-1] = labelme / 'out'
    elif words == 'is no JSON file':
        (labelme / 'a.json').write_text('{"shapes": [')
    elif words == 'no image has a shape':
        for name in ('a.jpg', 'more/b.jpg'):
            write_labelme(labelme, name, [])
    elif words == '--classes lacks':
        options += ['--classes', 'background', 'car']
    elif words == 'already; choose another':
        (tmp_path / 'out/masks').mkdir(parents=True)
    before = files_of(tmp_path)
    result = run_tool('to_masks.py', 'labelme', labelme, *options)
    assert result.failed and words in result.error, result.error
    assert files_of(tmp_path) == before


def test_upright_size(photographs, run_tool, tmp_path):
    """Annotation tools, and this package, turn images by their EXIF."""
    pytest.importorskip('pycocotools')
    exif = Image.Exif()
    exif[0x112] = 6
    Image.fromarray(np.zeros((80, 60, 3), np.uint8)).save(
        photographs / 'a.jpg', exif=exif)
    write_labelme(photographs, 'a.jpg', [shape('car', CAR)])
    result = run_tool('to_masks.py', 'labelme', photographs, '--rest', 'void',
                      '--out', tmp_path / 'out')
    assert not result.failed, result.error
    assert read(tmp_path / 'out/masks/a.png').shape == SIZE


def test_two_images_of_one_name(painted, photographs, run_tool, tmp_path):
    Image.open(painted / 'a.png').save(painted / 'a.bmp')
    result = run_tool('to_masks.py', 'colors', painted, '--images',
                      photographs, '--out', tmp_path / 'out')
    assert 'a.bmp and' in result.error and 'a.png' in result.error


@pytest.mark.parametrize('options, classes', [
    (['--rest', 'background', '--classes', 'background', 'cat', 'void',
      'junk', 'dog', '--void', 'junk'], ('background', 'cat', 'dog')),
    (['--rest', 'junk', '--void', 'junk'], ('cat', 'dog')),
    (['--rest', 'void', '--void', 'junk'], ('cat', 'dog')),
    (['--rest', 'void', '--classes', '__ignore__', 'dog', 'cat', '--void',
      'junk'], ('dog', 'cat'))])
def test_void_classes_have_no_number(photographs, run_tool, tmp_path, options,
                                     classes):
    pytest.importorskip('pycocotools')
    squares = {name: (10 * place, 20) for place, name in enumerate(
        ('cat', 'junk', 'dog', 'void', '__ignore__'))}
    write_labelme(photographs, 'a.jpg', [
        shape(name, [[left, top], [left + 6, top + 6]], 'rectangle')
        for name, (left, top) in squares.items()])
    result = run_tool('to_masks.py', 'labelme', photographs, *options,
                      '--out', tmp_path / 'out')
    assert not result.failed, result.error
    assert Config.fromfile(tmp_path / 'out/data.py').classes == classes
    mask = read(tmp_path / 'out/masks/a.png')
    for name, (left, top) in squares.items():
        expected = classes.index(name) if name in classes else 255
        assert mask[top + 3, left + 3] == expected, name
    assert mask[0, 0] == (0 if classes[0] == 'background' else 255)


def test_a_class_has_to_be_left(labelme, run_tool, tmp_path):
    names = {each['label'] for path in labelme.rglob('*.json')
             for each in json.loads(path.read_text()).get('shapes', ())}
    result = run_tool('to_masks.py', 'labelme', labelme, '--rest', 'void',
                      '--void', *sorted(names), '--out', tmp_path / 'out')
    assert result.failed and 'no class is left' in result.error


def test_one_class_has_one_number(labelme, run_tool, tmp_path):
    result = run_tool('to_masks.py', 'labelme', labelme, '--rest', 'void',
                      '--classes', 'car', 'wheel', 'car', '--out',
                      tmp_path / 'out')
    assert "--classes has 'car' 2 times" in result.error


def test_folders_are_seen_as_data_sets_see_them(painted, photographs,
                                                run_tool, tmp_path):
    """Links are followed, hidden files left out."""
    (painted / 'more').rename(tmp_path / 'elsewhere')
    (painted / 'more').symlink_to(tmp_path / 'elsewhere')
    (painted / '._a.png').write_bytes(b'of macOS')
    result = run_tool('to_masks.py', 'colors', painted, '--images',
                      photographs, '--out', tmp_path / 'out')
    assert not result.failed, result.error
    assert files_of(tmp_path / 'out/masks').keys() == {'a.png', 'more/b.png'}
    assert '2 masks for 3 images' in result.out


def test_masks_are_compared_with_photographs(painted, photographs, run_tool,
                                             tmp_path):
    (photographs / 'a.jpg').rename(photographs / 'A_1.jpg')
    arguments = ['to_masks.py', 'colors', painted, '--images', photographs,
                 '--out', tmp_path / 'out']
    result = run_tool(*arguments)
    assert '1 masks have no photograph of their name' in result.out
    assert 'a.png for one' in result.out
    assert 'No image is unlabelled' not in result.out
    write_image(photographs / 'more/b.jpg', (SIZE[0], SIZE[1] + 1))
    result = run_tool(*arguments, '--overwrite')
    assert result.failed and 'b.png is for an image of 80 x 60' in result.error
    assert f'{photographs / "more/b.jpg"} has 81 x 60' in result.error


def test_colours_that_are_near_are_told(painted, photographs, run_tool,
                                        tmp_path):
    near = tuple(value + 9 for value in COLORS['sky'])
    color = np.array(Image.open(painted / 'a.png'))
    color[:, :20] = near
    Image.fromarray(color).save(painted / 'a.png')
    arguments = ['to_masks.py', 'colors', painted, '--images', photographs]
    result = run_tool(*arguments, '--out', tmp_path / 'out')
    assert 'WARNING: 1 frequent colours are near to another' in result.out
    assert f'{near} as {COLORS["sky"]}' in result.out
    # As Notepad of Windows saves it.
    (tmp_path / 'colors.txt').write_text(''.join(
        f'{" ".join(map(str, color))} {name}\n'
        for name, color in dict(COLORS, near=near).items()), 'utf-8-sig')
    result = run_tool(*arguments, '--palette', tmp_path / 'colors.txt',
                      '--out', tmp_path / 'listed')
    assert not result.failed and 'WARNING' not in result.out
    assert len(Config.fromfile(tmp_path / 'listed/data.py').classes) == 4


def test_transparent_pixels_have_no_class(painted, photographs, run_tool,
                                          tmp_path):
    image = Image.open(painted / 'a.png').convert('RGBA')
    alpha = np.full(SIZE, 255, np.uint8)
    alpha[:, :30] = 0
    image.putalpha(Image.fromarray(alpha))
    image.save(painted / 'a.png')
    result = run_tool('to_masks.py', 'colors', painted, '--images',
                      photographs, '--out', tmp_path / 'out')
    assert not result.failed, result.error
    mask, opaque = (read(tmp_path / f'out/masks/{name}.png')
                    for name in ('a', 'more/b'))
    assert (mask[:, :30] == 255).all()
    np.testing.assert_array_equal(mask[:, 30:], opaque[:, 30:])
