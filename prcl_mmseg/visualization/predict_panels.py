# Copyright (c) prcl_mmseg authors. All rights reserved.
"""From the images of a data set to the rows of a sheet."""
import os.path as osp
from typing import Any, Iterable, List, Optional

import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from torch import nn

from ..datasets.pipeline_check import leaf_datasets
from .panel import Panel


def load_items(dataset: Any,
               max_items: int,
               pipeline: Optional[Compose] = None) -> List[dict]:
    """Some samples of a data set, spread evenly over it.

    Args:
        dataset (Dataset): Any mmseg dataset, or a wrapper of such.
        max_items (int): At most this many.
        pipeline (Compose, optional): Load by this pipeline instead of the
            data set's own: of unlabelled images that shows the whole of them
            rather than a random view.

    Returns:
        list[dict]: With 'inputs' and 'data_samples'.
    """
    leaves = [dataset] if pipeline is None else leaf_datasets(dataset)
    places = [(leaf, index) for leaf in leaves for index in range(len(leaf))]
    count = min(max_items, len(places))
    chosen = np.linspace(0, len(places) - 1, count).round().astype(int)
    return [
        leaf[index] if pipeline is None else pipeline(
            leaf.get_data_info(index))
        for leaf, index in (places[number] for number in chosen)
    ]


@torch.no_grad()
def predict_panels(model: nn.Module,
                   items: Iterable[dict],
                   max_side: int = 512) -> List[Panel]:
    """Predict one image at a time.

    Args:
        model (nn.Module): An mmseg segmentor in evaluation mode.
        items (Iterable[dict]): As from :func:`load_items`.
        max_side (int): Rows are reduced to it, in pixels. Defaults to 512.
    """
    panels = []
    for item in items:
        sample = model.test_step(pseudo_collate([item]))[0]
        panels.append(
            Panel.from_sample(
                item['inputs'],
                sample,
                max_side,
                name=osp.basename(sample.metainfo.get('img_path') or '')))
    return panels
