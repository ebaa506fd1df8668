# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Prototypes over two gloo processes equal those of the joined batch."""
import os
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from prcl_mmseg.gaussian import DiagonalGaussian
from prcl_mmseg.models import ClassEvidence

NUM_CLASSES = 4


def make_pixels() -> tuple:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(60, 5, generator=generator)
    var = torch.rand(60, 5, generator=generator) + 0.1
    # The first half has no class 2, the second no class 0; nobody has 3.
    label = torch.cat([torch.arange(30) % 2, 1 + torch.arange(30) % 2])
    return DiagonalGaussian(mean, var), label


def evidence_of(part: slice) -> ClassEvidence:
    pixels, label = make_pixels()
    label = label[part]
    return ClassEvidence.from_pixels(pixels[part], label,
                                     torch.ones_like(label).bool(),
                                     NUM_CLASSES)


def run_process(rank: int, port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=2)
    total = evidence_of(slice(30 * rank, 30 * (rank + 1))).all_reduce()
    torch.save([total.precision, total.information, total.count],
               f'{folder}/{rank}.pth')
    dist.destroy_process_group()


def test_all_reduce_equals_the_joined_batch(tmp_path):
    with socket.socket() as sock:
        sock.bind(('', 0))
        port = sock.getsockname()[1]
    mp.spawn(run_process, (port, str(tmp_path)), nprocs=2)
    joined = evidence_of(slice(None))
    for rank in range(2):
        parts = torch.load(tmp_path / f'{rank}.pth')
        for part, whole in zip(
                parts, (joined.precision, joined.information, joined.count)):
            torch.testing.assert_close(part, whole)
    assert joined.present.tolist() == [True, True, True, False]
