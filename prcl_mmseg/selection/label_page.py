# Copyright (c) prcl_mmseg authors. All rights reserved.
"""One static page of the images to label next."""
import re
from html import escape
from pathlib import Path
from string import Template
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np
from torch import Tensor

from ..compat.whole_files import write_together
from ..datasets.image_file import write_image
from ..visualization import displayable
from ..visualization.label_colors import colorize
from ..visualization.shrink import fit_size, shrink
from .page_template import CARD, CHIP, MODE, PAGE, PICTURE, SCALE
from .predictor import ImagePrediction

FOLDER = 'pictures'
_MAX_SIDE = 640
_OWN_NAME = re.compile(r'\d{4,}_(image|prediction|doubt)\.jpg')
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 85]


class Card(NamedTuple):
    """An image of the page.

    Args:
        line (str): Its line in a split list.
        path (str): Its file.
        reason (str): Why it was chosen, in words.
        sources (dict[str, str]): Its pictures by name: 'image', 'prediction'
            and maybe 'doubt'.
        size (tuple[int, int]): Width and height of its pictures.
    """

    line: str
    path: str
    reason: str
    sources: Dict[str, str]
    size: Tuple[int, int]


class PagePictures:
    """Draws the pictures of a page, all doubts on one scale.

    Args:
        folder (str): Of the page; the pictures go into a folder below it.
        palette (Sequence): RGB colour of each class, 0 to 255.
        limits (tuple[float, float], optional): Doubt that is blue and doubt
            that is red. None if there is no doubt to show.
    """

    def __init__(self, folder: str, palette: Sequence,
                 limits: Optional[Tuple[float, float]]) -> None:
        self.folder = Path(folder)
        self.palette = palette
        self.limits = limits
        self.classes = set()
        self._drawn = set()

    def draw(self, number: int,
             prediction: ImagePrediction) -> Tuple[Dict[str, str], tuple]:
        """Write the pictures of an image.

        Args:
            number (int): Names the files.
            prediction (ImagePrediction): Of the image.

        Returns:
            tuple[dict[str, str], tuple[int, int]]: The files by what they
            show, relative to the page, and their width and height.
        """
        height, width = prediction.label.shape
        size = fit_size(height, width, _MAX_SIDE)
        image = shrink(displayable(prediction.image), size, cv2.INTER_AREA)

        def near(data: Tensor) -> np.ndarray:
            return shrink(data.numpy(), size, cv2.INTER_NEAREST)

        label = near(prediction.label).astype(int)
        self.classes.update(np.unique(label).tolist())
        gray = image.mean(axis=2, keepdims=True)
        pictures = dict(
            image=image,
            prediction=0.45 * gray + 0.55 * colorize(label, self.palette))
        if prediction.doubt is not None:
            heat = self._heat(near(prediction.doubt))
            pictures['doubt'] = np.where(
                near(prediction.area)[..., None] > 0,
                0.4 * gray + 0.6 * heat, gray)
        sources = {}
        for name, picture in pictures.items():
            sources[name] = f'{FOLDER}/{number:04d}_{name}.jpg'
            path = self.folder / sources[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            self._drawn.add(path)
            write_image(
                path, picture[..., ::-1].round().astype(np.uint8),
                follow_links=False, settings=_QUALITY)
        return sources, size

    def remove_others(self) -> None:
        """Delete those of an earlier page, which may have had more."""
        for path in set((self.folder / FOLDER).glob('*.jpg')) - self._drawn:
            if _OWN_NAME.fullmatch(path.name):
                path.unlink()

    def _heat(self, doubt: np.ndarray) -> np.ndarray:
        low, high = self.limits
        doubt = ((doubt - low) / max(high - low, 1e-12)).clip(0, 1)
        return cv2.applyColorMap((255 * doubt).astype(np.uint8),
                                 cv2.COLORMAP_TURBO)[..., ::-1]


def write_page(title: str, summary: str, unit: str, cards: Sequence[Card],
               pictures: PagePictures, classes: Sequence[str]) -> Path:
    """Write ``index.html``.

    Args:
        title (str): Of the page.
        summary (str): How the images were chosen.
        unit (str): What the doubt is.
        cards (Sequence[Card]): The images, at least one.
        pictures (PagePictures): Drew their pictures.
        classes (Sequence[str]): Class names.

    Returns:
        Path: The page.
    """
    scale = ''
    if pictures.limits is not None:
        low, high = (f'{limit:.3g}' for limit in pictures.limits)
        scale = _fill(SCALE, unit=unit, low=low, high=high)
    chips = [
        _fill(CHIP, name=classes[index],
              color=' '.join(map(str, pictures.palette[index])))
        for index in sorted(pictures.classes) if index < len(classes)
    ]
    modes = [
        _fill(MODE, mode=mode,
              checked='checked' if mode == 'prediction' else '')
        for mode in cards[0].sources
    ]
    page = Template(PAGE).substitute(
        title=escape(title),
        summary=escape(summary),
        classes='\n'.join(chips),
        scale=scale,
        modes='\n'.join(modes),
        cards='\n'.join(_cards(cards)),
        lines=escape(''.join(f'{card.line}\n' for card in cards)))
    path = pictures.folder / 'index.html'
    write_together({path: page.encode()})
    pictures.remove_others()
    return path


def _cards(cards: Sequence[Card]) -> List[str]:
    result = []
    for number, card in enumerate(cards, 1):
        shown = [
            _fill(PICTURE, mode=mode, source=source, path=card.path,
                  width=card.size[0], height=card.size[1])
            for mode, source in card.sources.items()
        ]
        parts = dict(line=card.line, path=card.path, reason=card.reason)
        result.append(
            Template(CARD).substitute(
                {name: escape(text) for name, text in parts.items()},
                number=number,
                pictures='\n'.join(shown)))
    return result


def _fill(template: str, **values: object) -> str:
    return Template(template).substitute(
        {name: escape(str(value)) for name, value in values.items()})
