# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Draw what a training sees: labelled and unlabelled images, and all views.

The views are those of ``model.strategy``, each with its own augmentation; what
is done to features can't be seen. Without a checkpoint they are shown of the
labelled images and their masks, with one of the unlabelled images and the
labels that the teacher, or whoever labels, gives them.
"""
import argparse
import os
import os.path as osp
import sys
from pathlib import Path
from typing import Dict, List, Optional, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import prcl_mmseg  # noqa: E402, F401

import numpy as np  # noqa: E402
import torch  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.runner import load_checkpoint  # noqa: E402
from mmseg.registry import DATASETS, MODELS  # noqa: E402
from mmseg.utils import SampleList  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.utils.data import Dataset  # noqa: E402

from prcl_mmseg.datasets.output_folder import (  # noqa: E402
    check_output_folder)
from prcl_mmseg.datasets.pipeline_check import leaf_datasets  # noqa: E402
from prcl_mmseg.engine.launch import adapt_to_run  # noqa: E402
from prcl_mmseg.engine.tool_config import (  # noqa: E402
    OptionsAction, positive, read_config)
from prcl_mmseg.models import SemiSegmentor, WeakToStrong  # noqa: E402
from prcl_mmseg.visualization import displayable  # noqa: E402
from prcl_mmseg.visualization.label_colors import colorize  # noqa: E402

Columns = List[Tuple[str, List[np.ndarray]]]


def parse_args() -> Tuple[argparse.Namespace, Config]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of the training')
    parser.add_argument(
        '--output-dir', default='browse', help='folder for the sheets')
    parser.add_argument(
        '--number', type=positive, default=4, help='number of sheets')
    parser.add_argument(
        '--rows', type=int, default=4, help='items on each sheet, at least 2')
    parser.add_argument(
        '--checkpoint', help='weights of whoever labels unlabelled images')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction)
    args = parser.parse_args()
    if args.checkpoint is not None and not osp.isfile(args.checkpoint):
        parser.error(f'checkpoint {args.checkpoint!r} does not exist')
    if args.rows < 2:
        parser.error(f'--rows {args.rows}: mixing needs at least 2')
    return args, read_config(args, parser)


def draw_masks(samples: SampleList, palette: list) -> List[np.ndarray]:
    """The masks of labelled samples in colour."""
    return [
        colorize(sample.gt_sem_seg.data[0].numpy(), palette)
        for sample in samples
    ]


def draw_images(images: Tensor, model: SemiSegmentor) -> List[np.ndarray]:
    """Normalised images as uint8."""
    preprocessor = model.data_preprocessor
    images = images * preprocessor.pixel_std + preprocessor.pixel_mean
    if images.shape[1] == 3:
        # The network sees RGB.
        images = images.flip(1)
    eight_bits = preprocessor.pixel_mean.max() < 256
    limits = (0, 255) if eight_bits else None
    return [displayable(image, limits) for image in images]


@torch.no_grad()
def view_columns(model: SemiSegmentor, inputs: Dict[str, Tensor],
                 samples: Dict[str, SampleList], palette: list,
                 labeling: bool) -> Columns:
    """Each view with its labels: those of the labeller, or the true ones."""
    if labeling:
        of, labels = 'unlabelled', f"{model.strategy.labeler.network}'s labels"
        weak = model.pseudo_label(inputs['unlabeled'], samples['unlabeled'])
    else:
        of, labels = 'labelled', 'masks'
        weak = model.labeled_view(inputs['labeled'], samples['labeled'])
    result = []
    for name, augment in model.strategy.augments.items():
        view = augment(weak)
        result += [(f'{name} view of {of}', draw_images(view.image, model)),
                   (labels,
                    [colorize(item, palette) for item in view.label.numpy()])]
    return result


def columns(model: SemiSegmentor, items: list, palette: list,
            labeling: bool) -> Columns:
    """All that a sheet shows of some items of the data set."""
    data = model.data_preprocessor(pseudo_collate(items), True)
    inputs, samples = data['inputs'], data['data_samples']
    if isinstance(inputs, Tensor):
        inputs, samples = dict(labeled=inputs), dict(labeled=samples)
    result = [('labelled', draw_images(inputs['labeled'], model)),
              ('masks', draw_masks(samples['labeled'], palette))]
    if 'unlabeled' in inputs:
        result.append(('unlabelled', draw_images(inputs['unlabeled'], model)))
    if isinstance(model.strategy, WeakToStrong) and (
            'unlabeled' in inputs or not labeling):
        result += view_columns(model, inputs, samples, palette, labeling)
    return result


def draw_sheet(sheet: Columns, path: str) -> None:
    """Write a PNG of columns of pictures."""
    rows = max(len(pictures) for _, pictures in sheet)
    figure = Figure(
        figsize=(2.4 * len(sheet), 2.4 * rows + 0.4), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, len(sheet), squeeze=False)
    for (title, pictures), column in zip(sheet, axes.T):
        column[0].set_title(title, fontsize=9)
        for axis in column:
            axis.set_axis_off()
        for axis, picture in zip(column, pictures):
            axis.imshow(picture)
    figure.savefig(path, dpi=120)


def build_model(cfg: Config, checkpoint: Optional[str]) -> SemiSegmentor:
    """The model of the config; without a checkpoint its weights are random.

    Raises:
        ValueError: If whoever labels has not got all weights.
    """
    model = MODELS.build(cfg.model).eval()
    if checkpoint is not None:
        load_checkpoint(model, checkpoint, map_location='cpu')
        labeler = getattr(model.strategy, 'labeler', None)
        role = model.predicting_role if labeler is None else labeler.network
        with model.predicting_with(role):
            model.check_loaded()
    return model


def folders_of(dataset: Dataset) -> List[str]:
    """Folders of the images and masks."""
    parts = [dataset]
    if hasattr(dataset, 'parts'):
        parts = [part for part, _ in dataset.parts().values()]
    infos = [
        leaf.get_data_info(index) for part in parts
        for leaf in leaf_datasets(part) if hasattr(leaf, 'get_data_info')
        for index in range(len(leaf))
    ]
    return sorted({
        osp.dirname(info[key]) or osp.curdir
        for info in infos for key in ('img_path', 'seg_map_path')
        if info.get(key)
    })


def main() -> None:
    args, cfg = parse_args()
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    adapt_to_run(cfg, launcher='none')
    if 'segmentor' not in cfg.model:
        sys.exit(f'{args.config} has no model.segmentor; for a plain model '
                 "use mmseg's own browse_dataset.py")
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    try:
        check_output_folder(args.output_dir, folders_of(dataset),
                            '--output-dir')
        model = build_model(cfg, args.checkpoint)
    except ValueError as error:
        sys.exit(f'error: {error}')
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    palette = dataset.metainfo['palette']
    os.makedirs(args.output_dir, exist_ok=True)
    order = np.random.permutation(len(dataset))
    for number in range(args.number):
        chosen = order[number * args.rows:(number + 1) * args.rows]
        if len(chosen) < 2:
            break
        path = osp.join(args.output_dir, f'sheet_{number:03d}.png')
        items = [dataset[int(index)] for index in chosen]
        draw_sheet(
            columns(model, items, palette, args.checkpoint is not None), path)
        print(path)


if __name__ == '__main__':
    main()
