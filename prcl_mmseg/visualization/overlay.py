# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A prediction painted over its image."""
from typing import Optional, Sequence, Tuple

import cv2
import numpy as np

from .label_colors import colorize

_FONT = cv2.FONT_HERSHEY_SIMPLEX
# Share of the box of a name that must lie on its region.
_FITS = 0.95


def paint_overlay(image: np.ndarray, label: np.ndarray,
                  classes: Sequence[str], palette: Sequence) -> np.ndarray:
    """Paint classes over an image, with their names where there is room.

    Each class is named once, on its largest region. Where the name does not
    fit into the region it is left out, so that no text hides small objects.

    Args:
        image (np.ndarray): uint8 RGB, (H, W, 3).
        label (np.ndarray): Predicted classes, int, (H, W).
        classes (Sequence[str]): Class names.
        palette (Sequence): RGB colour of each class, 0 to 255.

    Returns:
        np.ndarray: uint8 RGB of shape (H, W, 3).
    """
    painted = cv2.addWeighted(image, 0.5, colorize(label, palette), 0.5, 0)
    painted[_borders(label)] = 255
    scale = 0.5 * max(1.0, max(label.shape) / 640)
    for index in np.unique(label):
        # OpenCV's fonts have no other letters.
        if index < len(classes) and classes[index].isascii():
            corner = _room(label == index, classes[index], scale)
            if corner is not None:
                _write(painted, classes[index], corner, scale)
    return painted


def _borders(label: np.ndarray) -> np.ndarray:
    """Pixels whose right or lower neighbour has another class."""
    border = np.zeros(label.shape, bool)
    border[:, :-1] |= label[:, :-1] != label[:, 1:]
    border[:-1] |= label[:-1] != label[1:]
    return border


def _room(mask: np.ndarray, name: str,
          scale: float) -> Optional[Tuple[int, int]]:
    """Lower left corner (x, y) of a name on the largest region of a mask."""
    _, regions, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8))
    largest = 1 + stats[1:, cv2.CC_STAT_AREA].argmax()
    region = np.pad(regions == largest, 1).astype(np.uint8)
    # Away from the borders of the region, and of the image.
    depth = cv2.distanceTransform(region, cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    (width, height), below = cv2.getTextSize(name, _FONT, scale, 1)
    left, bottom = int(x) - width // 2, int(y) + height // 2
    top, right = bottom - height, left + width
    if left < 0 or top < 0 or right > mask.shape[1] or \
            bottom + below > mask.shape[0]:
        return None
    box = region[1:-1, 1:-1][top:bottom + below, left:right]
    return (left, bottom) if box.mean() >= _FITS else None


def _write(image: np.ndarray, name: str, corner: Tuple[int, int],
           scale: float) -> None:
    for color, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(image, name, corner, _FONT, scale, color, thickness,
                    cv2.LINE_AA)
