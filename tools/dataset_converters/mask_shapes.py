# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Shapes that were drawn on images, read from LabelMe and COCO files."""
import base64
import io
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np
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
        """Bool array of shape (height, width)."""
        if isinstance(self.region, np.ndarray):
            return self.region
        from pycocotools import mask
        code = self.region
        if isinstance(code, list):
            code = mask.merge(mask.frPyObjects(code, height, width))
        elif isinstance(code['counts'], list):
            code = mask.frPyObjects(code, height, width)
        return mask.decode(code).astype(bool)


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
    for path in sorted(folder.rglob('*.json')):
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
    missing = {'images', 'annotations', 'categories'} - set(told)
    if missing:
        raise ValueError(f'{file} has no {", ".join(sorted(missing))}; give '
                         'the JSON file of a COCO export with segmentations')
    names = {entry['id']: entry['name'] for entry in told['categories']}
    shapes: Dict[Any, List[Shape]] = defaultdict(list)
    for entry in told['annotations']:
        if not entry.get('segmentation'):
            raise ValueError(
                f'{file}: annotation {entry.get("id")} of image '
                f'{entry["image_id"]} has a box, but no segmentation; export '
                'polygons or masks')
        shapes[entry['image_id']].append(
            Shape(names[entry['category_id']], entry['segmentation']))
    images = []
    for entry in told['images']:
        path = folder / entry['file_name']
        if not path.is_file():
            raise FileNotFoundError(
                f'{file}: the image {path} does not exist; give the folder '
                'that file_name is relative to by --images')
        images.append(
            DrawnImage(path, (entry['width'], entry['height']),
                       shapes[entry['id']], file))
    return images


def _labelme_region(shape: dict, size: Tuple[int, int], path: Path) -> Any:
    kind, points = shape.get('shape_type', 'polygon'), shape['points']
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
        region[top:top + part.shape[0], left:left + part.shape[1]] = part
        return region
    raise ValueError(
        f'{path}: a shape {shape["label"]!r} of type {kind!r} with '
        f'{len(points)} points is no region; delete it, or draw a polygon')


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f'{path} is no JSON file ({error})') from None
