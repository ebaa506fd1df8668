# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Parameters and FLOPs of what predicts, and of what is trained.

A FLOP is one multiply-accumulate, as MMEngine counts.
"""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import prcl_mmseg  # noqa: E402, F401

import torch  # noqa: E402
from mmengine.analysis import get_model_complexity_info  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmseg.registry import MODELS  # noqa: E402
from prettytable import PrettyTable  # noqa: E402
from torch import nn  # noqa: E402

from prcl_mmseg.deploy.plain_config import plain_model  # noqa: E402
from prcl_mmseg.engine.launch import adapt_to_run  # noqa: E402
from prcl_mmseg.engine.tool_config import (  # noqa: E402
    OptionsAction, positive, read_config)
from prcl_mmseg.models.decode_heads import embedding_head  # noqa: E402
from prcl_mmseg.models.segmentors.image_channels import (  # noqa: E402
    image_channels)
from prcl_mmseg.models.segmentors.network_pass import (  # noqa: E402
    run_network)


class EmbeddingPass(nn.Module):
    """The student's pass in a training step: logits and embeddings."""

    def __init__(self, segmentor: nn.Module) -> None:
        super().__init__()
        self.segmentor = segmentor

    def forward(self, image: torch.Tensor) -> tuple:
        output = run_network(self.segmentor, image)
        embedding = output.embed()
        return output.seg_logits, embedding.mean, embedding.var


def count(model: nn.Module, image: torch.Tensor) -> tuple:
    """Parameters in millions and FLOPs in billions of one pass."""
    model.eval()
    parameters = sum(item.numel() for item in model.parameters())
    info = get_model_complexity_info(
        model, inputs=(image, ), show_table=False, show_arch=False)
    return parameters / 1e6, info['flops'] / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of a training')
    parser.add_argument(
        '--shape',
        nargs='+',
        type=positive,
        help='height and width of the image, or one number for both; '
        'model.crop_size by default, or 512')
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction)
    args = parser.parse_args()
    if args.shape and len(args.shape) > 2:
        parser.error('--shape takes one or two numbers')
    cfg = read_config(args, parser)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    adapt_to_run(cfg, launcher='none')

    table = PrettyTable(['', 'parameters (M)', 'FLOPs (G)'])
    plain = plain_model(cfg.model)
    plain.pop('auxiliary_head', None)
    segmentor = MODELS.build(plain)
    sides = args.shape or cfg.model.get('crop_size') or [512]
    shape = (sides[0], sides[-1])
    image = torch.rand(1, image_channels(segmentor) or 3, *shape)
    table.add_row(['predicts (exported segmentor)', *(
        f'{value:.3f}' for value in count(segmentor, image))])
    student = MODELS.build(cfg.model).student
    if hasattr(student, 'auxiliary_head'):
        del student.auxiliary_head
    if embedding_head(student) is not None:
        table.add_row(['student with embeddings', *(
            f'{value:.3f}' for value in count(EmbeddingPass(student), image))])
    print(f'One image of {shape[0]} x {shape[1]}, without auxiliary heads\n'
          f'{table}')


if __name__ == '__main__':
    main()
