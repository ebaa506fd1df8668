# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Sequence

import numpy as np

NO_CLASS_COLOR = (255, 255, 255)
RIGHT_COLOR = (205, 205, 205)
WRONG_COLOR = (200, 20, 20)


def colorize(label: np.ndarray, palette: Sequence) -> np.ndarray:
    """Paint class indices; whatever is no class becomes white.

    Args:
        label (np.ndarray): Classes, int, (H, W).
        palette (Sequence): RGB colour of each class, 0 to 255.

    Returns:
        np.ndarray: uint8 of shape (H, W, 3).
    """
    colors = np.array([*palette, NO_CLASS_COLOR], dtype=np.uint8)
    known = (label >= 0) & (label < len(palette))
    return colors[np.where(known, label, len(palette)).astype(int)]


def paint_errors(pseudo_label: np.ndarray, truth: np.ndarray,
                 num_classes: int) -> np.ndarray:
    """Paint wrong pixels red, right ones grey, those without truth white.

    Args:
        pseudo_label (np.ndarray): Predicted classes, int, (H, W).
        truth (np.ndarray): True classes, int, (H, W); what is no class has
            no truth.
        num_classes (int): Number of classes.

    Returns:
        np.ndarray: uint8 of shape (H, W, 3).
    """
    known = (truth >= 0) & (truth < num_classes)
    wrong = np.where(known, pseudo_label != truth, -1)
    return colorize(wrong, (RIGHT_COLOR, WRONG_COLOR))
