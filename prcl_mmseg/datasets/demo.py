# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A data set that needs no download: textured scenes, generated on first use.

Objects differ in texture and, with overlaps between classes, in hue; size,
rotation, shape and light vary. Edges are blurred, objects cover each other,
and specks, wires and shadows belong to no object.
"""
import json
import os
import os.path as osp
import tempfile
from contextlib import suppress
from typing import Optional, Set, Tuple

import cv2
import numpy as np
from mmseg.registry import DATASETS

from .image_file import write_image
from .main_process import run_in_main_process
from .split_dataset import SplitSegDataset

CLASSES = ('ground', 'stripes', 'checks', 'dots', 'rings')
PALETTE = [[110, 110, 110], [230, 90, 60], [70, 130, 220], [90, 190, 90],
           [230, 190, 50]]
# Standard deviation of an object's hue around that of its class, in degrees.
HUE_SPREAD = 20
# Images of each split. A change of the generator asks for a new version.
MANIFEST = dict(
    version=1, seed=0, size=96, splits=dict(labeled=4, unlabeled=240, val=60))


@DATASETS.register_module()
class DemoSegDataset(SplitSegDataset):
    """The demo scenes, generated below ``data_root`` when they are missing.

    Args:
        split (str): 'labeled', 'unlabeled' (images only) or 'val'.
        data_root (str): Folder of the data. Defaults to 'data/prcl_demo'.
        **kwargs: The other arguments of :class:`BaseSegDataset`.

    Raises:
        ValueError: If there is no such split.
    """

    METAINFO = dict(classes=CLASSES, palette=PALETTE)

    def __init__(self,
                 split: str,
                 data_root: str = 'data/prcl_demo',
                 **kwargs) -> None:
        if split not in MANIFEST['splits']:
            raise ValueError(f'DemoSegDataset has no split {split!r}; use one '
                             f"of {list(MANIFEST['splits'])}")
        run_in_main_process(lambda: generate_demo(data_root))
        super().__init__(
            ann_file=f'{split}.txt',
            data_root=data_root,
            data_prefix=dict(img_path='images'),
            **kwargs)


def generate_demo(root: str, manifest: dict = MANIFEST) -> str:
    """Generate the scenes unless ``root`` holds those of this manifest.

    They are made beside ``root`` and moved into place at once, so that an
    interruption leaves nothing half done.

    Args:
        root (str): Folder of the data.
        manifest (dict): Version, seed, size in pixels and number of images of
            each split.

    Returns:
        str: ``root``.

    Raises:
        FileExistsError: If ``root`` holds something else.
    """
    found = _read_manifest(root)
    if found == manifest:
        return root
    if osp.isdir(root) and not _files(root) <= _own_files(found):
        other = sorted(_files(root) - _own_files(found))[0]
        raise FileExistsError(
            f'{root!r} holds other files, such as {other!r}; choose another '
            'data_root for the demo data')
    parent = osp.dirname(osp.abspath(root))
    os.makedirs(parent, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        staging = osp.join(folder, 'demo')
        _write_splits(staging, manifest)
        try:
            # Moved, not deleted in place: another process may look at it.
            if _read_manifest(root) not in (None, manifest):
                with suppress(FileNotFoundError):
                    os.replace(root, osp.join(folder, 'outdated'))
            os.replace(staging, root)
        except OSError:
            # Another process was first.
            if _read_manifest(root) != manifest:
                raise
    return root


def draw_scene(rng: np.random.Generator,
               size: int) -> Tuple[np.ndarray, np.ndarray]:
    """Draw one scene.

    Args:
        rng (np.random.Generator): Source of all variation.
        size (int): Height and width.

    Returns:
        tuple[np.ndarray, np.ndarray]: The image, uint8 RGB (size, size, 3),
        and the class of each pixel, uint8 (size, size).
    """
    image = _draw_ground(rng, size)
    label = np.zeros((size, size), np.uint8)
    objects = rng.permutation(np.arange(1, len(CLASSES)))
    for number in objects[:rng.integers(3, len(objects) + 1)]:
        alpha = _draw_shape(rng, size)
        texture = _draw_texture(rng, size, int(number))
        image = image + alpha[..., None] * (texture - image)
        label[alpha > 0.5] = number
    image = _add_distractors(rng, image) * _draw_light(rng, size)
    image = image + rng.normal(0, 0.03, image.shape)
    return (image.clip(0, 1) * 255).astype(np.uint8), label


def _read_manifest(root: str) -> Optional[dict]:
    try:
        with open(
                osp.join(root, 'manifest.json'), encoding='utf-8') as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None


def _files(root: str) -> Set[str]:
    """All files and empty folders below a folder, relative to it."""
    return {
        osp.relpath(osp.join(folder, name), root)
        for folder, folders, files in os.walk(root)
        for name in (files or ([] if folders else ['']))
    } - {'.'}


def _own_files(manifest: Optional[dict]) -> Set[str]:
    """What the generator writes for a manifest, nothing for one of others."""
    if not isinstance(manifest, dict) or manifest.keys() != MANIFEST.keys():
        return set()
    files = {'manifest.json'}
    for split, count in manifest['splits'].items():
        files.add(f'{split}.txt')
        for index in range(count):
            files |= {f'{folder}/{split}_{index:03d}.png'
                      for folder in ('images', 'masks')}
    return files


def _write_splits(root: str, manifest: dict) -> None:
    os.makedirs(osp.join(root, 'images'))
    os.makedirs(osp.join(root, 'masks'))
    for number, (split, count) in enumerate(manifest['splits'].items()):
        rng = np.random.default_rng([manifest['seed'], number])
        lines = []
        for index in range(count):
            image, label = draw_scene(rng, manifest['size'])
            line = f'images/{split}_{index:03d}.png'
            write_image(osp.join(root, line), image[..., ::-1])
            if split != 'unlabeled':
                mask = f'masks/{split}_{index:03d}.png'
                write_image(osp.join(root, mask), label)
                line = f'{line} {mask}'
            lines.append(line)
        with open(
                osp.join(root, f'{split}.txt'), 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines) + '\n')
    with open(
            osp.join(root, 'manifest.json'), 'w', encoding='utf-8') as file:
        json.dump(manifest, file)


def _draw_color(rng: np.random.Generator,
                low: float,
                high: float,
                hue: Optional[float] = None) -> np.ndarray:
    """A colour of a brightness between two values.

    Vivid and near a hue in degrees or, without one, dull and of any hue.
    """
    if hue is None:
        hue, saturation = rng.uniform(0, 360), rng.uniform(0, 0.3)
    else:
        hue, saturation = rng.normal(hue, HUE_SPREAD), rng.uniform(0.4, 0.9)
    hsv = np.array([[[hue % 360, saturation,
                      rng.uniform(low, high)]]], np.float32)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]


def _draw_noise(rng: np.random.Generator, size: int,
                grain: float) -> np.ndarray:
    """Smooth noise of about unit variance; ``grain`` is in pixels."""
    noise = cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), grain)
    return noise / noise.std()


def _draw_ground(rng: np.random.Generator, size: int) -> np.ndarray:
    relief = 0.6 * _draw_noise(rng, size, 8) + 0.4 * _draw_noise(rng, size, 1)
    color = _draw_color(rng, 0.4, 0.8)
    return color * (1 + 0.18 * relief[..., None])


def _draw_shape(rng: np.random.Generator, size: int) -> np.ndarray:
    """A star-shaped blob with blurred edges, as an opacity in [0, 1]."""
    center = rng.uniform(0.15, 0.85, 2) * size
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = np.full_like(angles, rng.uniform(0.16, 0.28) * size)
    for waves in (2, 3, 5):
        radius *= 1 + rng.uniform(0, 0.25) * np.cos(
            waves * angles + rng.uniform(0, 2 * np.pi))
    points = center + radius[:, None] * np.stack(
        [np.cos(angles), np.sin(angles)], axis=1)
    mask = np.zeros((size, size))
    cv2.fillPoly(mask, [points.round().astype(np.int32)], 1.0)
    return cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.8, 2.0))


def _draw_texture(rng: np.random.Generator, size: int,
                  number: int) -> np.ndarray:
    """The texture of a class in two random colours."""
    y, x = np.mgrid[:size, :size] - rng.uniform(0.2, 0.8, (2, 1, 1)) * size
    angle = rng.uniform(0, np.pi)
    step = 2 * np.pi / rng.uniform(6, 11)
    u = step * (np.cos(angle) * x + np.sin(angle) * y)
    v = step * (np.cos(angle) * y - np.sin(angle) * x)
    wave = dict(
        stripes=np.sin(u),
        checks=2 * np.sin(0.7 * u) * np.sin(0.7 * v),
        dots=1.4 * (np.cos(u) + np.cos(v)) - 1.2,
        rings=np.sin(step * np.hypot(x, y)))[CLASSES[number]]
    blend = 1 / (1 + np.exp(-4 * wave))[..., None]
    hue = 360 * (number - 1) / (len(CLASSES) - 1)
    dark = _draw_color(rng, 0.15, 0.5, hue)
    bright = _draw_color(rng, 0.6, 1.0, hue)
    if rng.random() < 0.5:
        dark, bright = bright, dark
    return dark + blend * (bright - dark)


def _add_distractors(rng: np.random.Generator,
                     image: np.ndarray) -> np.ndarray:
    """Wires and specks, which belong to whatever is behind them."""
    image = np.ascontiguousarray(image, np.float32)
    size = len(image)
    for _ in range(rng.integers(1, 4)):
        ends = rng.integers(0, size, (2, 2)).tolist()
        color = _draw_color(rng, 0.1, 1.0).tolist()
        cv2.line(image, *ends, color, 1, cv2.LINE_AA)
    for _ in range(rng.integers(5, 15)):
        center = rng.integers(0, size, 2).tolist()
        color = _draw_color(rng, 0.1, 1.0).tolist()
        cv2.circle(image, center, 1, color, -1, cv2.LINE_AA)
    return image


def _draw_light(rng: np.random.Generator, size: int) -> np.ndarray:
    """Uneven light and a soft shadow, as a factor (size, size, 1)."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    light = rng.uniform(0.75, 1.1) * (
        1 + rng.uniform(0, 0.6) * (np.cos(angle) * x + np.sin(angle) * y))
    shadow = _draw_shape(rng, size)
    shadow = cv2.GaussianBlur(shadow, (0, 0), 3)
    return (light * (1 - rng.uniform(0, 0.4) * shadow))[..., None]
