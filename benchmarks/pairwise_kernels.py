# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The Triton kernels of the pairwise energy against their floors, on CUDA.

``plain`` is the same in PyTorch. ``bytes`` is the time that the device needs
to read each input and to write each output once, at the bandwidth of a copy
of 1 GiB that is measured first. ``arithmetic`` is the time of the special
functions alone: a reciprocal for each dimension of each pair, and half of one
and half of a logarithm in the forward pass, at 16 a clock and multiprocessor
(CUDA C++ Programming Guide, arithmetic instructions).
"""
from typing import Callable, Dict, Tuple

import torch
from measure import alternate, parser, report
from torch import Tensor

from prcl_mmseg.models.contrast.pairwise_backends import blocks, fused

# Groups, anchors of each, keys that each meets, dimensions.
SHAPES = dict(
    prototypes=(21, 256, 21, 256),
    prototypes_of_150_classes=(150, 35, 150, 256),
    shared_negatives=(84, 64, 513, 256))
SPECIAL_FUNCTIONS = 16


def make_scene(groups: int, anchors: int, keys: int, dims: int,
               device: torch.device) -> Tuple[Tensor, ...]:
    """Random arguments of ``energy``."""
    torch.manual_seed(0)
    shapes = ((groups, anchors, dims), (4 * keys, dims))
    mean, key_mean = (torch.randn(shape, device=device) for shape in shapes)
    var, key_var = (
        torch.rand(shape, device=device) + 0.1 for shape in shapes)
    index = torch.randint(4 * keys, (groups, keys), device=device)
    return mean, var, key_mean, key_var, index


def device_seconds(function: Callable) -> float:
    """Seconds on the device of one call among many."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    calls = 20
    start.record()
    for _ in range(calls):
        function()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1000 / calls


def bandwidth(device: torch.device) -> float:
    """Bytes a second that a copy reads and writes."""
    source = torch.randn(2**28, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    return 2 * source.nbytes / device_seconds(lambda: target.copy_(source))


def measure(scene: Tuple[Tensor, ...], repeats: int) -> Dict[str, dict]:
    """Seconds of both passes, of the kernels and in plain PyTorch."""
    scores = fused.energy(*scene)
    grad = torch.randn_like(scores)
    passes = dict(
        energy=lambda backend: backend.energy(*scene),
        gradients=lambda backend: backend.gradients(grad, *scene, True, True))
    functions = {}
    for name, function in passes.items():
        for backend in (fused, blocks):
            function(backend)  # warm up

        def seconds(function=function) -> Dict[str, float]:
            return dict(
                seconds=device_seconds(lambda: function(fused)),
                plain=device_seconds(lambda: function(blocks)))

        functions[name] = seconds
    return alternate(functions, repeats)


def main() -> None:
    args = parser(__doc__).parse_args()
    device = torch.device(args.device)
    if device.type != 'cuda':
        raise SystemExit('The Triton kernels need CUDA; --device is '
                         f'{args.device}')
    copied = bandwidth(device)
    # Read while the device is awake.
    hertz = 1e6 * torch.cuda.clock_rate(device)
    special = SPECIAL_FUNCTIONS * hertz * torch.cuda.get_device_properties(
        device).multi_processor_count
    print(f'copy: {copied / 1e12:.2f} TB/s; clock: {hertz / 1e9:.2f} GHz')
    rows = []
    for name, shape in SHAPES.items():
        scene = make_scene(*shape, device)
        groups, anchors, keys, dims = shape
        inputs = sum(tensor.nbytes for tensor in scene)
        scores = 4 * groups * anchors * keys
        moved = dict(
            energy=inputs + scores,
            # Both gradients are as large as what they belong to.
            gradients=inputs + scores + scene[0].nbytes + scene[1].nbytes)
        for kernel, numbers in measure(scene, args.repeats or 5).items():
            rows.append(
                dict(
                    shape=name,
                    kernel=kernel,
                    **numbers,
                    bytes=moved[kernel] / copied,
                    arithmetic=groups * anchors * keys * dims / special))
    report(rows, args)


if __name__ == '__main__':
    main()
