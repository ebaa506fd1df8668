# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Write the teacher (or student) as a plain MMSegmentation model.

Config and checkpoint in OUT_DIR predict exactly the same, and run where this
package is not installed. The checkpoint holds tensors and plain values only.
"""
import argparse
import os.path as osp
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import prcl_mmseg  # noqa: E402, F401

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.runner.checkpoint import (  # noqa: E402
    _load_checkpoint, load_state_dict)
from mmseg.registry import MODELS  # noqa: E402
from torch import nn  # noqa: E402

from prcl_mmseg.deploy.export import (  # noqa: E402
    SUFFIXES, export, missing_packages)
from prcl_mmseg.deploy.plain_config import (  # noqa: E402
    default_role, plain_config)
from prcl_mmseg.deploy.published_checkpoint import (  # noqa: E402
    plain_weights, publish)
from prcl_mmseg.engine.launch import adapt_to_run  # noqa: E402
from prcl_mmseg.engine.tool_config import (  # noqa: E402
    open_config, positive)
from prcl_mmseg.models.segmentors.image_channels import (  # noqa: E402
    image_channels)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of the training')
    parser.add_argument('checkpoint', help='checkpoint of the training')
    parser.add_argument('out_dir', help='folder to write to')
    parser.add_argument(
        '--student',
        action='store_true',
        help='export the student instead of the teacher')
    parser.add_argument(
        '--format',
        nargs='+',
        choices=sorted(SUFFIXES),
        default=[],
        help='formats to write besides')
    parser.add_argument(
        '--shape',
        nargs=2,
        type=positive,
        metavar=('HEIGHT', 'WIDTH'),
        help="image size of these; by default the training's crop size")
    args = parser.parse_args()
    for path in (args.config, args.checkpoint):
        if not osp.isfile(path):
            parser.error(f'{path!r} does not exist')
    if osp.lexists(args.out_dir) and not osp.isdir(args.out_dir):
        parser.error(f'{args.out_dir!r} is no folder; choose another')
    for kind in args.format:
        missing = missing_packages(kind)
        if missing:
            parser.error(f'--format {kind} needs {", ".join(missing)}; '
                         'pip install -r requirements/optional.txt')
    return args


def build_plain(cfg: Config, weights: dict) -> nn.Module:
    """The plain segmentor with its weights, ready to predict.

    Raises:
        ValueError: If the weights are of another network.
    """
    model = MODELS.build(cfg.model)
    try:
        model.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        lines = str(error).strip().splitlines()
        raise ValueError(
            'the weights do not fit the network of the config '
            f'({" ".join(lines[-1].split())}); give the config that the '
            'checkpoint was trained with') from error
    return model.eval()


@torch.no_grad()
def compare(cfg: Config, checkpoint: dict, role: str, plain: nn.Module,
            shape: tuple) -> float:
    """Largest difference of a logit between the two models."""
    adapt_to_run(cfg, launcher='none')
    semi = MODELS.build(cfg.model)
    load_state_dict(semi, checkpoint['state_dict'])
    semi.eval()
    image = torch.randint(
        0,
        256, (image_channels(plain) or 3, *shape),
        generator=torch.Generator().manual_seed(0))
    batch = dict(inputs=[image.byte()])
    with semi.predicting_with(role):
        one = semi.test_step(batch)[0].seg_logits.data
    other = plain.test_step(batch)[0].seg_logits.data
    return float((one - other).abs().max())


def main() -> None:
    args = parse_args()
    name = osp.splitext(osp.basename(args.config))[0]
    try:
        cfg = open_config(args.config)
        init_default_scope(cfg.get('default_scope', 'mmseg'))
        role = default_role(cfg.model, args.student)
        stem = osp.join(args.out_dir, f'{name}_{role}')
        checkpoint = _load_checkpoint(args.checkpoint, map_location='cpu')
        weights = plain_weights(checkpoint.get('state_dict', {}), role)
        plain = plain_config(cfg, f'{stem}_test.txt')
        model = build_plain(plain.cfg, weights)
    except ValueError as error:
        sys.exit(f'{args.config}, {args.checkpoint}: {error}')
    # The training crop, in whole patches where the network needs them.
    shape = tuple(args.shape or getattr(model.data_preprocessor, 'size', None)
                  or (512, 512))
    difference = compare(cfg, checkpoint, role, model, shape)
    if difference:
        sys.exit(f'the plain model differs by {difference} from the {role}')
    Path(args.out_dir).mkdir(parents=True, exist_ok=True)
    plain.cfg.dump(f'{stem}.py')
    path = publish(weights, checkpoint.get('meta', {}), stem)
    for sentence in plain.left_out:
        print(f'Note: {sentence}')
    print(f'Config: {stem}.py\nCheckpoint: {path}\n'
          f'Same logits as the {role} on a random {shape[0]} x {shape[1]} '
          'image: yes, every one')
    channels = image_channels(model) or 3
    for kind in args.format:
        file = stem + SUFFIXES[kind]
        found = export(model, kind, file, shape)
        size = f'1 x {channels} x {shape[0]} x {shape[1]}'
        print(f'{kind}: {file}, input {size}, normalised; largest '
              f'difference {found.difference:.2g} of logits up to '
              f'{found.largest:.2g}')


if __name__ == '__main__':
    main()
