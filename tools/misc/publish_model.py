# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Prepare a checkpoint to be given away.

Teacher, student and prototypes stay; the optimizer, the logs and all else
that only resuming needs goes. The file loads with
``torch.load(weights_only=True)`` and has the first 8 hex digits of its
SHA-256 in its name. For the predicting segmentor alone, in the format of
plain MMSegmentation, see tools/model_converters/export_segmentor.py.
"""
import argparse
import os.path as osp
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import prcl_mmseg  # noqa: E402, F401

from mmengine.runner.checkpoint import _load_checkpoint  # noqa: E402

from prcl_mmseg.deploy.published_checkpoint import (  # noqa: E402
    publish, training_weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('in_file', help='checkpoint of a training')
    parser.add_argument(
        'out_file', help='file to write; the hash goes before .pth')
    args = parser.parse_args()
    if not osp.isfile(args.in_file):
        parser.error(f'checkpoint {args.in_file!r} does not exist')
    try:
        checkpoint = _load_checkpoint(args.in_file, map_location='cpu')
    except ValueError as error:
        parser.error(str(error))
    if not checkpoint.get('state_dict'):
        parser.error(f'{args.in_file!r} holds no state_dict; give a '
                     'checkpoint that a training wrote')
    try:
        path = publish(
            training_weights(checkpoint['state_dict']),
            checkpoint.get('meta', {}), args.out_file)
    except ValueError as error:
        parser.error(f'{args.in_file}: {error}')
    print(f'Wrote {path}')


if __name__ == '__main__':
    main()
