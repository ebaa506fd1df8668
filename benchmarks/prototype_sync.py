# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Prototypes across two processes: what is sent, and how exact it is.

'all_reduce' adds up natural parameters; 'gather_maps' collects the embeddings,
labels and masks of all processes, as the published code does. Bytes are what
one process hands to collectives in a step; the error is that of the prototypes
against one process that sees the joined batch, in double precision.
"""
import os
import tempfile
from typing import Callable, Dict, List

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from measure import alternate, parser, report, seconds

from prcl_mmseg.gaussian import DiagonalGaussian
from prcl_mmseg.models import ClassEvidence

WORLD_SIZE = 2


class CountedBytes:
    """Counts the bytes that this process hands to collectives."""

    def __init__(self) -> None:
        self.total = 0
        for name in ('all_reduce', 'all_gather'):
            setattr(dist, name, self._count(getattr(dist, name)))

    def _count(self, collective: Callable) -> Callable:

        def counted(*args, **kwargs):
            # The last tensor is the one that this process contributes.
            tensors = [arg for arg in args if isinstance(arg, torch.Tensor)]
            self.total += tensors[-1].nbytes
            return collective(*args, **kwargs)

        return counted


def make_maps(rank: int, classes: int, side: int, images: int,
              dims: int) -> tuple:
    """Embeddings, labels and masks of one process; rank 1 lacks a class."""
    generator = torch.Generator().manual_seed(rank)
    number = images * side * side
    label = torch.randint(classes - rank, (number, ), generator=generator)
    mean = torch.randn(number, dims, generator=generator)
    var = torch.rand(number, dims, generator=generator) * 0.5 + 0.05
    valid = torch.rand(number, generator=generator) < 0.9
    return DiagonalGaussian(mean, var), label, valid


def by_all_reduce(maps: tuple, classes: int) -> ClassEvidence:
    """Sum the evidence of the processes."""
    return ClassEvidence.from_pixels(*maps, classes).all_reduce()


def by_gathered_maps(maps: tuple, classes: int) -> ClassEvidence:
    """Collect the maps of all processes and sum them up everywhere."""
    pixels, label, valid = maps

    def gather(tensor: torch.Tensor) -> torch.Tensor:
        parts = [torch.empty_like(tensor) for _ in range(WORLD_SIZE)]
        dist.all_gather(parts, tensor)
        return torch.cat(parts)

    joined = DiagonalGaussian(gather(pixels.mean), gather(pixels.var))
    return ClassEvidence.from_pixels(joined, gather(label), gather(valid),
                                     classes)


def run(rank: int, store: str, sizes: dict, repeats: int,
        queue: mp.SimpleQueue) -> None:
    """Measure in one of the processes."""
    dist.init_process_group(
        'gloo', f'file://{store}', rank=rank, world_size=WORLD_SIZE)
    counted = CountedBytes()
    classes = sizes['classes']
    maps = make_maps(rank, **sizes)
    every = [make_maps(other, **sizes) for other in range(WORLD_SIZE)]
    joined = DiagonalGaussian(
        torch.cat([part[0].mean for part in every]).double(),
        torch.cat([part[0].var for part in every]).double())
    exact = ClassEvidence.from_pixels(
        joined, torch.cat([part[1] for part in every]),
        torch.cat([part[2] for part in every]), classes).prototypes()

    def measure(method: Callable) -> Dict[str, float]:
        results: List[ClassEvidence] = []
        dist.barrier()
        before = counted.total
        time = seconds(
            lambda: results.append(method(maps, classes)),
            torch.device('cpu'))
        prototypes = results[0].prototypes()
        error = max(
            float((prototypes.mean - exact.mean).abs().max()),
            float((prototypes.var - exact.var).abs().max()))
        return dict(
            bytes=counted.total - before, max_abs_error=error, seconds=time)

    medians = alternate(
        dict(
            all_reduce=lambda: measure(by_all_reduce),
            gather_maps=lambda: measure(by_gathered_maps)), repeats)
    if rank == 0:
        queue.put(medians)
    dist.barrier()
    dist.destroy_process_group()


def main() -> None:
    args = parser(__doc__).parse_args()
    args.device = 'cpu'
    torch.set_num_threads(1)
    os.environ['OMP_NUM_THREADS'] = '1'
    rows = []
    for classes in ([21] if args.quick else [2, 21, 150]):
        sizes = dict(
            classes=classes,
            side=41 if args.quick else 81,
            images=4,
            dims=256)
        queue = mp.get_context('spawn').SimpleQueue()
        with tempfile.TemporaryDirectory() as folder:
            mp.spawn(
                run, (os.path.join(folder, 'store'), sizes, args.repeats
                      or 3, queue),
                nprocs=WORLD_SIZE)
        medians = queue.get()
        for name, numbers in medians.items():
            rows.append(
                dict(
                    impl=name,
                    classes=classes,
                    pixels=4 * sizes['side']**2,
                    **numbers))
    report(rows, args)


if __name__ == '__main__':
    main()
