# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Train PRCL and a supervised baseline on generated scenes and compare them.

Ends with a table of IoUs and the path of a picture.
"""
import argparse
import os.path as osp
import sys
import time
from pathlib import Path
from typing import List

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402
import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from mmengine.runner import Runner  # noqa: E402
from mmseg.evaluation import IoUMetric  # noqa: E402
from mmseg.structures import SegDataSample  # noqa: E402
from prettytable import PrettyTable  # noqa: E402

import prcl_mmseg  # noqa: E402, F401
from prcl_mmseg.engine.config_options import merge_options  # noqa: E402
from prcl_mmseg.engine.launch import adapt_to_run  # noqa: E402
from prcl_mmseg.engine.tool_config import OptionsAction  # noqa: E402
from prcl_mmseg.engine.warm_up import fit_warm_up  # noqa: E402
from prcl_mmseg.visualization import Panel, draw_sheets  # noqa: E402

METHODS = ('supervised', 'prcl')


def train(method: str, args: argparse.Namespace) -> Runner:
    """Train one method with its demo config."""
    cfg = Config.fromfile(ROOT / f'configs/{method}/{method}_demo.py')
    cfg.work_dir = osp.join(args.work_dir, method)
    if args.cfg_options is not None:
        merge_options(cfg, args.cfg_options)
    fit_warm_up(cfg)
    adapt_to_run(cfg, launcher='none')
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


@torch.no_grad()
def predict(runner: Runner, role: str) -> List[SegDataSample]:
    """Predict the validation scenes with the teacher or the student."""
    runner.model.eval()
    with runner.model.predicting_with(role):
        return [
            runner.model.test_step(pseudo_collate([item]))[0]
            for item in runner.val_dataloader.dataset
        ]


def class_ious(samples: List[SegDataSample], num_classes: int) -> List[float]:
    """IoU in percent of each class, by mmseg's metric."""
    areas = [
        IoUMetric.intersect_and_union(sample.pred_sem_seg.data.squeeze(),
                                      sample.gt_sem_seg.data.squeeze(),
                                      num_classes, 255) for sample in samples
    ]
    totals = [sum(area) for area in zip(*areas)]
    scores = IoUMetric.total_area_to_metrics(*totals, ['mIoU'])
    return [100 * float(iou) for iou in scores['IoU']]


def draw(samples: List[SegDataSample], dataset_meta: dict, path: str) -> str:
    """Draw image, truth, pseudo-label, σ² and error of some scenes."""
    panels = [
        Panel.from_sample(cv2.imread(sample.img_path), sample)
        for sample in samples
    ]
    return draw_sheets(panels, path, dataset_meta['classes'],
                       dataset_meta['palette'])[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', default='work_dirs/demo')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        help='override settings of both configs, as key=value pairs')
    args = parser.parse_args()

    columns, seconds = {}, {}
    for method in METHODS:
        start = time.time()
        runner = train(method, args)
        seconds[method] = time.time() - start
        for role in runner.model.roles:
            samples = predict(runner, role)
            columns[f'{method} {role}'] = class_ious(
                samples, runner.model.num_classes)
            if (method, role) == ('prcl', 'teacher'):
                picture = draw(samples[:6],
                               runner.val_dataloader.dataset.metainfo,
                               osp.join(args.work_dir, 'uncertainty.png'))

    classes = runner.val_dataloader.dataset.metainfo['classes']
    table = PrettyTable(['IoU (%)', *columns])
    for index, name in enumerate(classes):
        table.add_row([name, *(f'{ious[index]:.1f}'
                               for ious in columns.values())])
    table.add_row(['mean', *(f'{sum(ious) / len(ious):.1f}'
                             for ious in columns.values())])
    print(f'\n{table}')
    print('Training took ' + ', '.join(
        f'{value:.0f} s ({name})' for name, value in seconds.items()))
    print(f'Picture: {osp.abspath(picture)}')


if __name__ == '__main__':
    main()
