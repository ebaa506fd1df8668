# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Shapes that were drawn on images, read from LabelMe and COCO files."""
import base64
import io
import json
import math
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Tuple

import numpy as np
from mask_photographs import files_of
from PIL import Image

# Corners of a circle as a polygon: within 0.1 % of its area.
_CORNERS = 90


class Shape(NamedTuple):
    """A region of one class.

    Args:
        label (str): Class name.
        region (Any): As COCO's ``segmentation``: polygons [[x, y, x, y, ...],
            ...] or a run-length encoding; or a bool array (H, W).
    """

    label: str
    region: Any

    def mask(self, height: int, width: int) -> np.ndarray:
        """Bool array of shape (height, width).

        Raises:
            ValueError: If an encoding is of an image of another size.
        """
        if isinstance(self.region, np.ndarray):
            return self.region
        from pycocotools import mask
        code = self.region
        if isinstance(code, list):
            code = mask.merge(mask.frPyObjects(code, height, width))
        elif isinstance(code['counts'], list):
            code = mask.frPyObjects(code, height, width)
        region = mask.decode(code).astype(bool)
        if region.shape != (height, width):
            raise ValueError(
                f'a run-length encoding of {self.label!r} is of an image of '
                f'{region.shape[1]}x{region.shape[0]} pixels')
        return region


class DrawnImage(NamedTuple):
    """An image and what was drawn on it.

    Args:
        path (Path): The image.
        size (tuple[int, int]): Width and height as the annotations say.
        shapes (list[Shape]): In the order of the file.
        source (Path): The annotation file.
    """

    path: Path
    size: Tuple[int, int]
    shapes: List[Shape]
    source: Path


def read_labelme(folder: Path) -> List[DrawnImage]:
    """Read the JSON files that LabelMe writes beside the images.

    Polygons, rectangles, circles and masks are regions. Other files of the
    folder are left alone.

    Raises:
        FileNotFoundError: If there is no such file, or an image is missing.
        ValueError: If a file is damaged, or a shape is no region; names it.
    """
    images = []
    for path in files_of(folder, ('.json', )):
        told = _read_json(path)
        if not isinstance(told, dict) or not {'shapes', 'imagePath'
                                              } <= told.keys():
            continue
        image = path.parent / Path(told['imagePath'].replace('\\', '/'))
        if not image.is_file():
            # Files are moved together, and the entry still says where from.
            image = path.parent / image.name
        if not image.is_file():
            raise FileNotFoundError(
                f'{path}: its image {told["imagePath"]!r} does not exist; put '
                f'it beside the file')
        with damage(path):
            size = (told['imageWidth'], told['imageHeight'])
            shapes = [
                Shape(str(shape['label']), _labelme_region(shape, size, path))
                for shape in told['shapes']
            ]
        images.append(DrawnImage(image, size, shapes, path))
    if not images:
        raise FileNotFoundError(
            f'{folder} holds no file of LabelMe, a .json with "shapes" and '
            '"imagePath"')
    return images


def read_coco(file: Path, folder: Path) -> List[DrawnImage]:
    """Read a COCO file with polygons or run-length encodings.

    Args:
        file (Path): The JSON file.
        folder (Path): Of the images, which ``file_name`` is relative to.

    Raises:
        FileNotFoundError: If an image is missing; names it.
        ValueError: If the file is damaged, or an annotation is a box only.
    """
    told = _read_json(file)
    missing = {'images', 'annotations', 'categories'} - set(
        told if isinstance(told, dict) else ())
    if missing:
        raise ValueError(f'{file} has no {", ".join(sorted(missing))}; give '
                         'the JSON file of a COCO export with segmentations')
    with damage(file, 'a category'):
        names = _by_id(file, 'categories', told['categories'])
    with damage(file, 'an image'):
        entries = _by_id(file, 'images', told['images'])
    shapes: Dict[Any, List[Shape]] = defaultdict(list)
    for entry in told['annotations']:
        with damage(file, f'annotation {entry.get("id")!r}'):
            image = entry['image_id']
            if image not in entries:
                raise ValueError(
                    f'{file}: annotation {entry.get("id")!r} is of image '
                    f'{image!r}, which "images" does not list; correct its '
                    'image_id')
            if not entry.get('segmentation'):
                raise ValueError(
                    f'{file}: annotation {entry.get("id")!r} of image '
                    f'{image!r} has a box, but no segmentation; export '
                    'polygons or masks')
            shapes[image].append(
                Shape(str(names[entry['category_id']]['name']),
                      _coco_region(entry['segmentation'])))
    images = []
    for number, entry in entries.items():
        with damage(file, f'image {number!r}'):
            path = folder / entry['file_name']
            size = (entry['width'], entry['height'])
        if not path.is_file():
            raise FileNotFoundError(
                f'{file}: the image {path} does not exist; give the folder '
                'that file_name is relative to by --images')
        images.append(DrawnImage(path, size, shapes[number], file))
    return images


def _by_id(file: Path, part: str, entries: List[dict]) -> Dict[Any, dict]:
    found: Dict[Any, dict] = {}
    for entry in entries:
        if entry['id'] in found:
            raise ValueError(
                f'{file}: "{part}" has the id {entry["id"]!r} twice, so its '
                'annotations could be of either; give each an id of its own')
        found[entry['id']] = entry
    return found


def _coco_region(segmentation: Any) -> Any:
    """Polygons of three points or more, or a run-length encoding."""
    if isinstance(segmentation, dict):
        return dict(segmentation, counts=segmentation['counts'])
    for polygon in segmentation:
        _check_polygon(polygon)
    return segmentation


def _check_polygon(values: List[float]) -> None:
    if not isinstance(values, list) or len(values) < 6 or len(values) % 2:
        raise ValueError(f'{values!r} is no polygon [x, y, x, y, x, y, ...]')
    _check_coordinates(values)


def _check_coordinates(values: Iterable[float]) -> None:
    for value in values:
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f'the coordinate {value!r} is no number')


@contextmanager
def damage(file: Path, entry: str = 'a shape') -> Iterator[None]:
    """Let errors of missing or mistyped entries name the file.

    Args:
        file (Path): Of the annotations.
        entry (str): What in it is read.

    Raises:
        ValueError: From the error, instead of it.
    """
    try:
        yield
    except KeyError as error:
        raise ValueError(f'{file}: {entry} lacks {error}, or names what is '
                         'not there; mend or delete it') from error
    except (TypeError, AttributeError, IndexError, ValueError) as error:
        if str(file) in str(error):
            raise
        raise ValueError(f'{file}: {entry} is damaged: {error}; mend or '
                         'delete it') from error


def _labelme_region(shape: dict, size: Tuple[int, int], path: Path) -> Any:
    kind, points = shape.get('shape_type', 'polygon'), shape['points']
    _check_coordinates(value for point in points for value in point)
    if kind == 'polygon' and len(points) > 2:
        return [[value for point in points for value in point]]
    if kind == 'rectangle' and len(points) == 2:
        (left, top), (right, bottom) = points
        return [[left, top, right, top, right, bottom, left, bottom]]
    if kind == 'circle' and len(points) == 2:
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        angles = [2 * math.pi * step / _CORNERS for step in range(_CORNERS)]
        return [[value for angle in angles
                 for value in (x + radius * math.cos(angle),
                               y + radius * math.sin(angle))]]
    if kind == 'mask' and shape.get('mask'):
        (left, top), _ = points
        data = base64.b64decode(shape['mask'])
        part = np.array(Image.open(io.BytesIO(data))) > 0
        region = np.zeros((size[1], size[0]), bool)
        top, left = round(top), round(left)
        if min(top, left) < 0 or top + part.shape[0] > size[1] or \
                left + part.shape[1] > size[0]:
            raise ValueError(f'the mask of {shape["label"]!r} reaches over '
                             'the border of the image')
        region[top:top + part.shape[0], left:left + part.shape[1]] = part
        return region
    raise ValueError(
        f'{path}: a shape {shape["label"]!r} of type {kind!r} with '
        f'{len(points)} points is no region; delete it, or draw a polygon')


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding='utf-8-sig'))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f'{path} is no JSON file ({error})') from None
