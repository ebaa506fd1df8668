# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Which colours of painted masks are classes."""
from collections import Counter
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mask_labels import VOID
from PIL import Image

from prcl_mmseg.datasets.thread_map import thread_map

# Lossy files smear a colour by less than this, per channel.
_NEAR = 40
_LOSSY = ('.jpg', '.jpeg', '.webp')
# Stands for pixels without a colour.
_TRANSPARENT = -1
# Rarer colours are edges, not classes.
_SMALLEST_SHARE = 2e-4

Color = Tuple[int, int, int]


class Colors(NamedTuple):
    """The colours of classes.

    Args:
        classes (list[Color]): RGB, in the order of their numbers.
        shares (list[float]): Of all pixels, those nearest to each.
        smeared (float): Share of the pixels of other colours that are taken
            for a class.
        void (float): Share of the pixels that are none.
        merged (list[tuple[Color, Color]]): Colours of lossless masks that are
            as frequent as classes, and the class that each is taken for.
    """

    classes: List[Color]
    shares: List[float]
    smeared: float
    void: float
    merged: List[Tuple[Color, Color]]


def find_colors(files: Sequence[Path],
                palette: Optional[Sequence[Color]] = None,
                known: Sequence[Color] = ()) -> Colors:
    """Look at all pixels of all masks.

    Args:
        files (Sequence[Path]): The masks.
        palette (Sequence[Color], optional): The colours of the classes.
            Defaults to None: the known ones, then every colour of at least
            0.02 % of the pixels that is not near to a more frequent one.
        known (Sequence[Color]): Colours of an earlier round. Defaults to ().

    Raises:
        ValueError: If a file has no colours, or there are so many that they
            can't be classes.
    """
    count: Counter = Counter()
    for part in thread_map(lambda index: _count(files[index]), len(files),
                           'Counting colours'):
        count.update(part)
    total = sum(count.values())
    transparent = count.pop(_TRANSPARENT, 0)
    classes, merged = list(palette or known), []
    if not palette:
        found: List[Color] = []
        for code, pixels in count.most_common():
            color = _decode(code)
            if pixels < _SMALLEST_SHARE * total:
                break
            near = [other for other in classes + found
                    if _distance(color, other) <= _NEAR]
            if not near:
                found.append(color)
            elif color not in near:
                merged.append((color, near[0]))
        classes += sorted(found)
    if any(path.suffix.lower() in _LOSSY for path in files):
        merged = []
    if not 1 < len(classes) <= VOID:
        raise ValueError(
            f'{len(files)} masks have {len(classes)} clearly different '
            'colours; that is no set of classes. Give the folder of the '
            'painted masks, or the colours by --palette')
    codes = np.array(list(count), np.int64)
    pixels = np.array(list(count.values()), np.int64)
    numbers = nearest(_unpack(codes), classes)
    exact = np.isin(codes, [_encode(np.array(color)) for color in classes])
    shares = [pixels[numbers == number].sum() / total
              for number in range(len(classes))]
    void = (pixels[numbers == VOID].sum() + transparent) / total
    return Colors(classes, shares,
                  pixels[(numbers != VOID) & ~exact].sum() / total, void,
                  merged)


def class_mask(path: Path, classes: Sequence[Color]) -> np.ndarray:
    """The class of each pixel of a painted mask, uint8, (H, W)."""
    colors, painted = read_colors(path)
    return np.where(painted, nearest(colors, classes), VOID).astype(np.uint8)


def nearest(colors: np.ndarray, classes: Sequence[Color]) -> np.ndarray:
    """The class of each colour.

    Args:
        colors (np.ndarray): RGB, int, (..., 3).
        classes (Sequence[Color]): RGB of the classes.

    Returns:
        np.ndarray: Number of the nearest class, uint8, (...); VOID if none
        is near.
    """
    best = np.full(colors.shape[:-1], _NEAR + 1, np.int16)
    numbers = np.full(colors.shape[:-1], VOID, np.uint8)
    for number, color in enumerate(classes):
        distance = np.abs(colors.astype(np.int16) -
                          np.array(color, np.int16)).max(axis=-1)
        closer = distance < best
        best[closer], numbers[closer] = distance[closer], number
    return numbers


def read_colors(path: Path) -> Tuple[np.ndarray, np.ndarray]:
    """RGB of a painted mask, uint8, (H, W, 3), and what is not transparent.

    Raises:
        ValueError: If it can't be read, or is gray: its values are numbers.
    """
    try:
        with Image.open(path) as image:
            gray = image.mode not in ('RGB', 'RGBA', 'P', 'CMYK')
            data = np.array(image.convert('RGB'))
            painted = np.ones(data.shape[:2], bool)
            if image.mode in ('RGBA', 'P'):
                painted = np.array(image.convert('RGBA'))[..., 3] > 0
    except OSError as error:
        raise ValueError(f'{path} cannot be read ({error})') from None
    if gray:
        raise ValueError(
            f'{path} has one channel, so its values are class numbers '
            'already; use label_map of the data file where they have gaps')
    return data, painted


def read_palette(path: Path) -> Dict[str, Color]:
    """Colours of classes from a text file with lines ``R G B NAME``.

    Raises:
        ValueError: If a line is not such, or a colour or name comes twice.
    """
    palette: Dict[str, Color] = {}
    for number, line in enumerate(
            path.read_text(encoding='utf-8-sig').splitlines(), 1):
        if not line.strip() or line.lstrip().startswith('#'):
            continue
        parts = line.split(maxsplit=3)
        if len(parts) < 4 or not all(
                part.isdigit() and int(part) < 256 for part in parts[:3]):
            raise ValueError(f'{path}, line {number}: {line!r} is not '
                             '"RED GREEN BLUE NAME" with values of 0 to 255')
        color, name = tuple(map(int, parts[:3])), parts[3].strip()
        if name in palette or color in palette.values():
            raise ValueError(f'{path}, line {number}: {line!r} repeats a name '
                             'or a colour')
        palette[name] = color
    return palette


def _count(path: Path) -> Dict[int, int]:
    colors, painted = read_colors(path)
    codes, counts = np.unique(
        np.where(painted, _encode(colors.astype(np.int64)), _TRANSPARENT),
        return_counts=True)
    return dict(zip(codes.tolist(), counts.tolist()))


def _encode(colors: np.ndarray) -> np.ndarray:
    return (colors[..., 0] * 256 + colors[..., 1]) * 256 + colors[..., 2]


def _unpack(codes: np.ndarray) -> np.ndarray:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1)


def _decode(code: int) -> Color:
    return code >> 16, code >> 8 & 255, code & 255


def _distance(one: Color, other: Color) -> int:
    return max(abs(a - b) for a, b in zip(one, other))
