# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Predict a folder of images: masks, overlays, σ² maps and a table.

``python tools/predict.py CONFIG CHECKPOINT FOLDER --out predictions``

A run that was cut goes on where it stopped.
"""
import argparse
import copy
import hashlib
import json
import os.path as osp
import sys
from pathlib import Path
from typing import List

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# First of all, to say so if the packages below don't fit.
import prcl_mmseg  # noqa: E402, F401

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.utils import ProgressBar  # noqa: E402
from mmseg.apis import init_model  # noqa: E402
from torch.utils.data import DataLoader, Subset  # noqa: E402

from prcl_mmseg.datasets import UnlabeledDataset, check_images  # noqa: E402
from prcl_mmseg.datasets.file_check import require_files  # noqa: E402
from prcl_mmseg.datasets.loading import loads_upright  # noqa: E402
from prcl_mmseg.datasets.output_folder import (  # noqa: E402
    check_output_folder)
from prcl_mmseg.datasets.pipeline_check import (  # noqa: E402
    find_image_loader, maskless_pipeline, pipeline_of_test)
from prcl_mmseg.engine.tool_config import (  # noqa: E402
    add_predicting_arguments, positive, read_predicting_config)
from prcl_mmseg.file_hash import sha256_of_file  # noqa: E402
from prcl_mmseg.models.segmentors import SemiSegTTAModel  # noqa: E402
from prcl_mmseg.models.segmentors.image_channels import (  # noqa: E402
    image_channels)
from prcl_mmseg.models.structures.nested import leaves  # noqa: E402
from prcl_mmseg.prediction import (  # noqa: E402
    PARTS, PredictionFiles, PredictionTable, check_class_names,
    check_same_run, output_names, remove_predictions)


def parse_args() -> tuple:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_predicting_arguments(parser)
    parser.add_argument('folder', help='images, subfolders included')
    parser.add_argument(
        '--out',
        default='predictions',
        help='folder for the results; predictions by default')
    parser.add_argument(
        '--write',
        nargs='+',
        choices=list(PARTS),
        default=list(PARTS),
        help='; '.join(f'{part}: {what}' for part, what in PARTS.items()) +
        '. All by default; the table is always written')
    parser.add_argument(
        '--batch-size',
        type=positive,
        default=4,
        help='how many images of the same size are predicted together; 4 by '
        'default')
    parser.add_argument(
        '--tta',
        action='store_true',
        help='test-time augmentation: the mean of the predictions of '
        'tta_pipeline, and a map of their disagreement')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='delete what an earlier run predicted, and begin anew')
    args = parser.parse_args()
    if not osp.isdir(args.folder):
        parser.error(f'{args.folder!r} is no folder; give the one of the '
                     'images')
    cfg = read_predicting_config(args, parser)
    if args.tta and not cfg.get('tta_pipeline'):
        parser.error(f'--tta needs tta_pipeline in {args.config}')
    return args, cfg, parser


def load_images(args: argparse.Namespace, cfg: Config) -> UnlabeledDataset:
    """The images of the folder; all files are looked at."""
    dataset = UnlabeledDataset(data_root=args.folder)
    if not len(dataset):
        raise ValueError(f'{args.folder!r} holds no image')
    dataset.pipeline = maskless_pipeline(cfg, args.tta)
    # A file that fails is an error; another image in its place would be worse.
    dataset.test_mode = True
    require_files(dataset, args.folder)
    return dataset


def check_folder(args: argparse.Namespace) -> Path:
    """The folder of the results; refuses one that holds anything else."""
    check_output_folder(args.out, [args.folder])
    out = Path(args.out)
    if out.is_dir() and any(out.iterdir()) and not (
            out / 'predictions.json').exists():
        raise FileExistsError(f'--out {args.out!r} holds other files; choose '
                              'another folder')
    return out


def begin(out: Path, args: argparse.Namespace, cfg: Config) -> None:
    """Make the folder, and refuse it if another run's results are there."""
    out.mkdir(parents=True, exist_ok=True)
    if args.overwrite:
        remove_predictions(out)
    pipeline = cfg.tta_pipeline if args.tta else pipeline_of_test(cfg)
    setting = json.dumps([cfg.model, pipeline], default=str, sort_keys=True)
    check_same_run(out, dict(
        folder=osp.realpath(args.folder),
        checkpoint=f'{osp.basename(args.checkpoint)} '
        f'{sha256_of_file(args.checkpoint)[:16]}',
        config=f'{osp.basename(args.config)} '
        f'{hashlib.sha256(setting.encode()).hexdigest()[:16]}',
        parts=' '.join(sorted(args.write))))


def predict(model: torch.nn.Module, items: List[dict]) -> list:
    """Predict samples, those of the same size together, in their order."""
    samples, sizes = [None] * len(items), {}
    for place, item in enumerate(items):
        # With --tta an image comes in several ways.
        shapes = tuple(image.shape for image in leaves([item['inputs']]))
        sizes.setdefault(shapes, []).append(place)
    for places in sizes.values():
        batch = pseudo_collate([items[place] for place in places])
        for place, sample in zip(places, model.test_step(batch)):
            samples[place] = sample
    return samples


@torch.no_grad()
def run(args: argparse.Namespace, cfg: Config) -> None:
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    out = check_folder(args)
    dataset = load_images(args, cfg)
    model = init_model(copy.deepcopy(cfg), args.checkpoint,
                       device=args.device)
    check_class_names(model, args.checkpoint)
    check_images(dataset, args.folder, image_channels(model))
    begin(out, args, cfg)
    meta = model.dataset_meta
    maps = [name for term in getattr(model, 'terms', {}).values()
            for name in term.map_names]
    if args.tta:
        maps.append('pred_disagreement')
        model = SemiSegTTAModel(model)
    files = PredictionFiles(out, meta['classes'], meta['palette'], maps,
                            args.write,
                            loads_upright(find_image_loader(dataset)))
    files.write_classes()
    table = PredictionTable(out / 'predictions.csv', files.columns)

    paths = [dataset.get_data_info(index)['img_path']
             for index in range(len(dataset))]
    images = [osp.relpath(path, args.folder).replace(osp.sep, '/')
              for path in paths]
    names = output_names(images)
    rest = [index for index, image in enumerate(images)
            if image not in table.done]
    if len(rest) < len(images):
        print(f'{len(images) - len(rest)} of {len(images)} images were '
              'predicted before')
    loader = DataLoader(
        Subset(dataset, rest), args.batch_size, collate_fn=list,
        num_workers=(cfg.get('test_dataloader') or {}).get(
            'num_workers', 0))
    bar, done = ProgressBar(len(rest)), 0
    for items in loader:
        table.append([
            files.write(images[index], names[index], sample) for index, sample
            in zip(rest[done:], predict(model, items))
        ])
        done += len(items)
        bar.update(len(items))
    print(f'\nWritten to {out}: predictions.csv, classes.csv and '
          f'{", ".join(files.folders)}')


def main() -> None:
    args, cfg, parser = parse_args()
    try:
        run(args, cfg)
    except (FileNotFoundError, FileExistsError, ValueError) as error:
        parser.error(str(error))


if __name__ == '__main__':
    main()
