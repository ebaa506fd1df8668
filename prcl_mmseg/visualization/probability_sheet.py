# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A sheet of images beside their labels, pseudo-labels and σ²."""
import os
import os.path as osp
from dataclasses import dataclass
from typing import Optional, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

IGNORED_COLOR = (255, 255, 255)


@dataclass
class Panel:
    """One row of the sheet.

    Args:
        image (np.ndarray): The image, uint8 RGB, (H, W, 3).
        pseudo_label (np.ndarray): Predicted classes, int, (H, W).
        variance (np.ndarray): σ² per pixel, float, (H, W).
        truth (np.ndarray, optional): True classes, int, (H, W).
    """

    image: np.ndarray
    pseudo_label: np.ndarray
    variance: np.ndarray
    truth: Optional[np.ndarray] = None


def colorize(label: np.ndarray, palette: Sequence) -> np.ndarray:
    """Paint class indices; whatever is no class becomes white.

    Args:
        label (np.ndarray): Classes, int, (H, W).
        palette (Sequence): RGB color of each class, 0 to 255.

    Returns:
        np.ndarray: uint8 of shape (H, W, 3).
    """
    colors = np.array([*palette, IGNORED_COLOR], dtype=np.uint8)
    known = (label >= 0) & (label < len(palette))
    return colors[np.where(known, label, len(palette))]


def draw_sheet(panels: Sequence[Panel],
               path: str,
               classes: Sequence[str],
               palette: Sequence) -> str:
    """Draw rows of image, ground truth, pseudo-label and probability.

    In the last column red is a large σ², on one scale for all rows.

    Args:
        panels (Sequence[Panel]): The rows.
        path (str): PNG file to write; its folder is made.
        classes (Sequence[str]): Class names for the legend.
        palette (Sequence): RGB color of each class, 0 to 255.

    Returns:
        str: ``path``.
    """
    titles = ('image', 'ground truth', 'pseudo-label', 'variance σ²')
    height, width = panels[0].image.shape[:2]
    figure = Figure(
        figsize=(2.4 * len(titles) + 0.8,
                 2.4 * len(panels) * height / width + 1.0),
        layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), len(titles), squeeze=False)
    every = np.concatenate([panel.variance.ravel() for panel in panels])
    low, high = np.percentile(every, (1, 99))
    for row, panel in zip(axes, panels):
        truth = panel.truth
        if truth is None:
            truth = np.full(panel.pseudo_label.shape, -1)
        row[0].imshow(panel.image)
        row[1].imshow(colorize(truth, palette))
        row[2].imshow(colorize(panel.pseudo_label, palette))
        heat = row[3].imshow(panel.variance, cmap='jet', vmin=low, vmax=high)
        for axis in row:
            axis.set_axis_off()
    for axis, title in zip(axes[0], titles):
        axis.set_title(title)
    figure.colorbar(heat, ax=axes[:, -1].tolist(), label='σ²', shrink=0.8)
    figure.legend(
        handles=[
            Patch(color=np.array(color) / 255, label=name)
            for name, color in zip(classes, palette)
        ],
        loc='outside lower center',
        ncols=min(6, len(classes)),
        frameon=False)
    os.makedirs(osp.dirname(path) or '.', exist_ok=True)
    figure.savefig(path, dpi=150)
    return path
