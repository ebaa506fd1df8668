# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What many unlabelled images cost before the first training step.

Writes so many small JPEG files, lists or scans them, and checks them all as
PreflightHook does. The files lie in 1000 per folder.
"""
import tempfile
from pathlib import Path

import torch
from measure import parser, peak_memory, report, seconds

import prcl_mmseg  # noqa: F401

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmseg.registry import DATASETS  # noqa: E402

from prcl_mmseg.datasets.data_check import DataPart, check_data  # noqa: E402

CPU = torch.device('cpu')
PIPELINE = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]


def write_images(folder: Path, count: int) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3))
    content = cv2.imencode('.jpg', noise.astype(np.uint8))[1].tobytes()
    names = [f'img/{number // 1000:04d}/frame_{number:07d}.jpg'
             for number in range(count)]
    for number, name in enumerate(names):
        if number % 1000 == 0:
            (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(content)
    (folder / 'list.txt').write_text('\n'.join(names) + '\n')


def measure(source: str, folder: Path) -> dict:
    settings = dict(ann_file='list.txt') if source == 'list' else dict(
        data_prefix=dict(img_path='img'))
    built = []
    with peak_memory(CPU) as memory:
        build = seconds(lambda: built.append(DATASETS.build(dict(
            type='UnlabeledDataset', data_root=str(folder),
            pipeline=PIPELINE, **settings))), CPU)
        check = seconds(lambda: check_data(
            dict(unlabeled=DataPart(built[0])), num_classes=2), CPU)
    return dict(source=source, images=len(built[0]), seconds_build=build,
                seconds_check=check, peak_extra_mib=memory.mib)


def main() -> None:
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument(
        '--count', type=int, help='images; 1 000 000 by default')
    args = arguments.parse_args()
    args.device = 'cpu'
    count = args.count or (2000 if args.quick else 1_000_000)
    init_default_scope('mmseg')
    with tempfile.TemporaryDirectory() as name:
        write_images(Path(name), count)
        report([measure(source, Path(name)) for source in ('list', 'folder')],
               args)


if __name__ == '__main__':
    main()
