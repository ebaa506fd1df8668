# Copyright (c) prcl_mmseg authors. All rights reserved.
import csv
from pathlib import Path
from typing import Dict, List, Sequence

import cv2
import numpy as np
from mmseg.structures import SegDataSample

from ..compat import whole_file
from ..datasets.image_file import write_image
from ..evaluation.pixel_scores import class_logits
from ..visualization.displayable import decode_displayable
from ..visualization.overlay import paint_overlay
from ..visualization.shrink import fit_size, shrink

PARTS = dict(
    masks='class numbers, PNG',
    overlays='classes painted over the image, JPEG',
    maps='maps of the model such as σ², TIFF of 32-bit floats')
_ENDINGS = dict(masks='.png', overlays='.jpg')
_MAP_ENDING = '.tiff'
_LARGEST_OVERLAY = 1024
# Columns of every table; the maps of the model follow, and the classes.
_OF_ALL = ('image', 'width', 'height', 'confidence')
_SHARE = 'share_'


class PredictionFiles:
    """Writes what a model says of images, and counts it for a table.

    Args:
        folder (Path): Holds a folder for each part and map.
        classes (Sequence[str]): Class names.
        palette (Sequence): RGB colour of each class, 0 to 255.
        maps (Sequence[str]): Names of the maps that predictions have, such as
            'pred_variance'.
        parts (Sequence[str]): Which of ``PARTS`` to write.
        upright (bool): Whether photographs were turned as their EXIF
            orientation says. Defaults to True.
    """

    def __init__(self, folder: Path, classes: Sequence[str],
                 palette: Sequence, maps: Sequence[str],
                 parts: Sequence[str],
                 upright: bool = True) -> None:
        self.folder = Path(folder)
        self.classes = classes
        self.palette = palette
        self.maps = {name: name[len('pred_'):] for name in maps}
        self.parts = parts
        self.upright = upright
        self.columns = [*_OF_ALL, *self.maps.values(),
                        *(f'{_SHARE}{name}' for name in classes)]

    @property
    def folders(self) -> List[str]:
        """list[str]: The folders of the files."""
        pictures = [part for part in self.parts if part != 'maps']
        maps = self.maps.values() if 'maps' in self.parts else []
        return [f'{name}/' for name in [*pictures, *maps]]

    def write_classes(self) -> None:
        """Write ``classes.csv``: number, name and colour of each class."""
        with whole_file(self.folder / 'classes.csv', 'w', encoding='utf-8',
                        newline='') as file:
            writer = csv.writer(file, lineterminator='\n')
            writer.writerow(['number', 'name', 'red', 'green', 'blue'])
            for number, name in enumerate(self.classes):
                writer.writerow([number, name, *self.palette[number]])

    def write(self, image: str, name: str,
              sample: SegDataSample) -> Dict[str, object]:
        """Write the files of an image.

        Args:
            image (str): What the table calls the image.
            name (str): Of its files, without ending.
            sample (SegDataSample): The prediction, and ``img_path``.

        Returns:
            dict: Its row. ``confidence`` is the mean over the pixels of the
            probability of the predicted class, a map's column its mean,
            and a class's column its share of the pixels.
        """
        # Of a one-channel head it is a float.
        label = sample.pred_sem_seg.data[0].long().cpu().numpy()
        if 'masks' in self.parts:
            kind = np.uint8 if len(self.classes) <= 256 else np.uint16
            self._encode('masks', name, label.astype(kind))
        if 'overlays' in self.parts:
            self._encode('overlays', name,
                         self._overlay(sample.img_path, label)[..., ::-1])
        count = np.bincount(label.ravel(), minlength=len(self.classes))
        prob = class_logits(sample.seg_logits.data).softmax(dim=0)
        confidence = prob.gather(0, sample.pred_sem_seg.data.long()).double(
        ).mean()
        row = dict(image=image, width=label.shape[1], height=label.shape[0],
                   confidence=f'{float(confidence):.6g}')
        for key, part in self.maps.items():
            values = sample.get(key).data[0].float().cpu().numpy()
            row[part] = f'{values.mean(dtype=np.float64):.6g}'
            if 'maps' in self.parts:
                self._encode(part, name, values)
        for number, title in enumerate(self.classes):
            row[f'{_SHARE}{title}'] = f'{count[number] / label.size:.6g}'
        return row

    def _overlay(self, path: str, label: np.ndarray) -> np.ndarray:
        size = fit_size(*label.shape, _LARGEST_OVERLAY)
        image = decode_displayable(Path(path).read_bytes(), self.upright)
        image = shrink(image, size, cv2.INTER_AREA)
        label = shrink(label, size, cv2.INTER_NEAREST)
        return paint_overlay(image, label.astype(int), self.classes,
                             self.palette)

    def _encode(self, part: str, name: str, picture: np.ndarray) -> None:
        ending = _ENDINGS.get(part, _MAP_ENDING)
        path = self.folder / part / f'{name}{ending}'
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, picture)


def remove_predictions(folder: Path) -> None:
    """Delete what a run wrote into its folder, and nothing else.

    Args:
        folder (Path): Of a :class:`PredictionFiles` and its table.
    """
    table = folder / 'predictions.csv'
    maps: List[str] = []
    if table.exists():
        with table.open(encoding='utf-8', newline='') as file:
            columns = next(csv.reader(file), [])
        maps = [name for name in columns[len(_OF_ALL):]
                if not name.startswith(_SHARE)]
    for part in (*_ENDINGS, *maps):
        ending = _ENDINGS.get(part, _MAP_ENDING)
        for path in (folder / part).rglob(f'*{ending}'):
            path.unlink()
    for name in ('predictions.json', 'predictions.csv', 'classes.csv'):
        (folder / name).unlink(missing_ok=True)
