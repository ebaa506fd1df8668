# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Time and memory of the contrast against the published arithmetic."""
from pathlib import Path
from typing import Callable, Dict, List

import torch
from measure import alternate, parser, peak_memory, report, seconds
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from published_contrast import published_contrast
from torch import Tensor

from prcl_mmseg.gaussian import DiagonalGaussian
from prcl_mmseg.models import ClassEvidence, PixelGroups, PrototypeBank

METHODS = Path(__file__).parents[1] / 'configs/_base_/methods'
# File of the method, and what is changed of its contrast. The published
# arithmetic, but for negatives shared by a tile of anchors; then the two
# sources of negatives that need no pixels.
IMPLEMENTATIONS = dict(
    fused=('prcl_reference', {'loss.negatives.shared': True}),
    prototypes=('prcl', {}),
    virtual=('prcl', {'loss.negatives.type': 'VirtualNegatives'}))


def make_batch(classes: int, side: int, images: int, dims: int,
               device: torch.device) -> Dict[str, Tensor]:
    """Random embeddings, labels and probabilities of each class."""
    torch.manual_seed(0)
    shape = (images, side, side)
    mean = torch.randn(images, dims, side, side, device=device)
    var = torch.rand(images, dims, side, side, device=device) * 0.5 + 0.1
    return dict(
        mean=mean.requires_grad_(),
        var=var.requires_grad_(),
        label=torch.randint(classes, shape, device=device),
        valid=torch.rand(shape, device=device) < 0.9,
        prob=torch.randn(images, classes, side, side,
                         device=device).softmax(1))


def contrast_config(name: str) -> ConfigDict:
    """Config of the contrast of one of the implementations."""
    method, options = IMPLEMENTATIONS[name]
    config = Config.fromfile(METHODS / f'{method}.py')
    config.merge_from_dict({
        f'method.terms.contrast.{key}': value
        for key, value in options.items()
    })
    return config.method.terms.contrast


def build(config: dict, classes: int, dims: int) -> Callable:
    """Our loss as a function of the maps, with all that belongs to it."""
    with DefaultScope.overwrite_default_scope('mmseg'):
        loss = MODELS.build(config['loss'])
        similarity = MODELS.build(config['similarity'])
    bank = PrototypeBank(classes, dims)

    def contrast(mean: Tensor, var: Tensor, label: Tensor, valid: Tensor,
                 prob: Tensor) -> Tensor:
        target_prob = prob.gather(1, label[:, None])[:, 0].flatten()
        pixels = DiagonalGaussian(
            mean.permute(0, 2, 3, 1).flatten(0, 2),
            var.permute(0, 2, 3, 1).flatten(0, 2))
        label, valid = label.flatten(), valid.flatten()
        evidence = ClassEvidence.from_pixels(pixels, label, valid, classes)
        bank.to(mean.device)
        return loss(pixels, label, valid, target_prob, evidence, bank,
                    similarity)['loss_contrast']

    return contrast


def passes(contrast: Callable, batch: Dict[str, Tensor],
           device: torch.device) -> Dict[str, float]:
    """Seconds of one forward and one backward pass."""
    losses: List[Tensor] = []
    forward = seconds(lambda: losses.append(contrast(**batch)), device)
    backward = seconds(losses[0].backward, device)
    batch['mean'].grad = batch['var'].grad = None
    return dict(seconds_forward=forward, seconds_backward=backward)


def measure(contrasts: Dict[str, Callable], batch: Dict[str, Tensor],
            device: torch.device, repeats: int) -> Dict[str, dict]:
    """Seconds, and the memory of the first pass, of each implementation.

    What takes more than a minute is not run again.
    """
    medians, memory, again = {}, {}, {}
    for name, contrast in contrasts.items():
        with peak_memory(device) as peak:
            medians[name] = passes(contrast, batch, device)
        memory[name] = peak.mib
        if sum(medians[name].values()) < 60:
            again[name] = (
                lambda contrast=contrast: passes(contrast, batch, device))
    medians.update(alternate(again, repeats, budget=60))
    return {
        name: dict(numbers, peak_extra_mib=memory[name])
        for name, numbers in medians.items()
    }


def pass_over_pixels(mean: Tensor, var: Tensor, label: Tensor, valid: Tensor,
                     prob: Tensor) -> Tensor:
    """What must grow with the pixels.

    Reading, grouping and summing them, and a gradient of their size that is
    zero but for some.
    """
    pixels = DiagonalGaussian(
        mean.permute(0, 2, 3, 1).flatten(0, 2),
        var.permute(0, 2, 3, 1).flatten(0, 2))
    label, valid = label.flatten(), valid.flatten()
    groups = PixelGroups.from_labels(label, valid, prob.shape[1])
    ClassEvidence.from_pixels(pixels, label, valid, prob.shape[1])
    some = pixels.select(groups.order[:1000])
    return some.mean.sum() + some.var.sum()


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument('--classes', type=int, nargs='+')
    arguments.add_argument(
        '--pixels', type=int, nargs='+', help='multiples of 4×81×81 pixels')
    arguments.add_argument(
        '--no-published',
        action='store_true',
        help='leave the slow published arithmetic out')
    args = arguments.parse_args()
    device = torch.device(args.device)
    images, side, dims = (2, 41, 64) if args.quick else (4, 81, 256)
    classes = args.classes or ([2, 6] if args.quick else [2, 6, 21, 60, 150])
    multiples = args.pixels or ([1, 4] if args.quick else [1, 4, 16])
    repeats = args.repeats or (1 if args.quick else 3)

    rows = []
    for number in classes:
        for multiple in multiples:
            batch = make_batch(number, round(side * multiple**0.5), images,
                               dims, device)
            contrasts = {
                name: build(contrast_config(name), number, dims)
                for name in IMPLEMENTATIONS
            }
            contrasts['pass over pixels'] = pass_over_pixels
            if not args.no_published:
                contrasts['published'] = published_contrast
            for name, numbers in measure(contrasts, batch, device,
                                         repeats).items():
                rows.append(
                    dict(
                        impl=name,
                        classes=number,
                        pixels=batch['label'].numel(),
                        **numbers))
                print(rows[-1], flush=True)
    report(rows, args)


if __name__ == '__main__':
    main()
