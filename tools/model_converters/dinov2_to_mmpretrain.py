# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Rename DINOv2 weights for MMPretrain's VisionTransformer.

Takes the published state dict (``dinov2_vitb14_pretrain.pth``) or timm's
(``vit_base_patch14_dinov2``), which has the same names, as .pth or
.safetensors.
"""
import argparse
import os
import os.path as osp
import re
from collections import OrderedDict
from typing import Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

# Of a block. Attention and its layer scale are one module in MMPretrain.
LAYERS = {
    'norm1': 'ln1',
    'attn.qkv': 'attn.qkv',
    'attn.proj': 'attn.proj',
    'ls1.gamma': 'attn.gamma1.weight',
    'norm2': 'ln2',
    'mlp.fc1': 'ffn.layers.0.0',
    'mlp.fc2': 'ffn.layers.1',
    'ls2.gamma': 'ffn.gamma2.weight',
}
OTHERS = {
    'cls_token': 'cls_token',
    'pos_embed': 'pos_embed',
    'patch_embed.proj': 'patch_embed.projection',
    'norm': 'ln1',
}
# Needed for pretraining only.
DROPPED = ('mask_token', )


def convert(state_dict: dict,
            grid: Optional[Tuple[int, int]] = None) -> OrderedDict:
    """Rename all weights, and interpolate the position embedding if asked to.

    Args:
        state_dict (dict): Weights in DINOv2's names.
        grid (tuple[int, int], optional): Height and width, in patches, of
            the images that the network will be built for. None keeps the
            published 37×37, which MMPretrain interpolates by itself when it
            sees images of another size.

    Returns:
        OrderedDict: Weights in the names of MMPretrain's VisionTransformer.

    Raises:
        ValueError: For a weight that the layout does not have, such as a
            register token, or a missing position embedding.
    """
    if 'pos_embed' not in state_dict:
        raise ValueError('there is no pos_embed, so these are no weights of '
                         'a DINOv2 backbone; give dinov2_vitb14_pretrain.pth '
                         'or one like it')
    converted = OrderedDict()
    for name, weight in state_dict.items():
        if name not in DROPPED:
            converted[_rename(name)] = weight
    if grid is not None:
        converted['pos_embed'] = resize_pos_embed(converted['pos_embed'], grid)
    return converted


def resize_pos_embed(pos_embed: Tensor, grid: Tuple[int, int]) -> Tensor:
    """Interpolate a position embedding bicubically, its class token aside.

    Args:
        pos_embed (Tensor): (1, 1 + h², C), of a square grid of h×h patches.
        grid (tuple[int, int]): The new height and width in patches.
    """
    side = round((pos_embed.shape[1] - 1)**0.5)
    token, patches = pos_embed[:, :1], pos_embed[:, 1:]
    patches = patches.transpose(1, 2).unflatten(2, (side, side))
    patches = F.interpolate(
        patches.float(), size=grid, mode='bicubic', align_corners=False)
    return torch.cat([token, patches.flatten(2).transpose(1, 2).to(token)],
                     dim=1)


def _rename(name: str) -> str:
    # Large models are published in chunks: blocks.<chunk>.<block>.
    match = re.fullmatch(r'blocks\.(?:\d+\.)?(\d+)\.(\D+\d?.*)', name)
    block, layer = match.groups() if match else (None, name)
    names = LAYERS if match else OTHERS
    stem, _, kind = layer.rpartition('.')
    if layer in names:
        new_name = names[layer]
    elif stem in names:
        new_name = f'{names[stem]}.{kind}'
    else:
        raise ValueError(
            f'{name} has no counterpart in a plain ViT with layer scale; use '
            'weights without register tokens, of a model with an MLP (S, B '
            'or L)')
    return f'layers.{block}.{new_name}' if match else new_name


def load(path: str) -> dict:
    """Weights of a .pth or .safetensors file."""
    if path.endswith('.safetensors'):
        from safetensors.torch import load_file
        return load_file(path)
    return torch.load(path, map_location='cpu', weights_only=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('src', help='weights of DINOv2')
    parser.add_argument('dst', help='checkpoint to write')
    parser.add_argument(
        '--grid',
        type=int,
        nargs=2,
        metavar=('H', 'W'),
        help='interpolate the position embedding to this many patches; only '
        'needed if img_size of the backbone is changed')
    args = parser.parse_args()
    if args.grid and min(args.grid) < 1:
        parser.error(f'--grid {args.grid}: give numbers of at least 1')
    if not osp.isfile(args.src):
        parser.error(f'{args.src} does not exist; give the .pth file of '
                     'DINOv2, for example dinov2_vitb14_pretrain.pth')
    try:
        state_dict = convert(load(args.src),
                             tuple(args.grid) if args.grid else None)
    except ValueError as error:
        parser.error(f'{args.src}: {error}')
    os.makedirs(osp.dirname(args.dst) or '.', exist_ok=True)
    torch.save(dict(state_dict=state_dict), args.dst)
    print(f'Wrote {args.dst}')


if __name__ == '__main__':
    main()
