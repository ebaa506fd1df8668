# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The fused kernels against plain PyTorch, and the choice between them."""
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from prcl_mmseg.models.contrast.pairwise_backends import (backend_for, blocks,
                                                          choice)

INTERPRETED = """
import torch
from prcl_mmseg.models.contrast.pairwise_backends import blocks, fused
torch.manual_seed(0)
for groups, anchors, dims, pixels, keys in (
        (2, 1, 8, 5, 3), (1, 33, 7, 70, 65), (2, 4, 64, 9, 4),
        (3, 2, 1, 1, 1)):
    scene = (torch.randn(groups, anchors, dims),
             torch.rand(groups, anchors, dims) + 1e-6,
             torch.randn(pixels, dims), torch.rand(pixels, dims) + 1e-6,
             torch.randint(pixels, (groups, keys)))
    torch.testing.assert_close(
        fused.energy(*scene), blocks.energy(*scene), rtol=1e-5, atol=1e-4)
    grad = torch.randn(groups, anchors, keys)
    for needs in ((True, True), (True, False), (False, True)):
        for one, other in zip(fused.gradients(grad, *scene, *needs),
                              blocks.gradients(grad, *scene, *needs)):
            assert (one is None) == (other is None)
            if one is not None:
                torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
for var in (1e-20, 1e3):
    scene = (torch.randn(2, 3, 7), torch.full((2, 3, 7), var),
             torch.randn(5, 7), torch.full((5, 7), var),
             torch.randint(5, (2, 4)))
    torch.testing.assert_close(
        fused.energy(*scene), blocks.energy(*scene), rtol=1e-5, atol=1e-4)
    grad = torch.randn(2, 3, 4).abs()
    for one, other in zip(fused.gradients(grad, *scene, True, True),
                          blocks.gradients(grad, *scene, True, True)):
        assert one.isfinite().all()
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
"""


def test_kernels_equal_plain_pytorch_when_interpreted():
    pytest.importorskip('triton')
    subprocess.run([sys.executable, '-c', INTERPRETED],
                   env={
                       **os.environ, 'TRITON_INTERPRET': '1'
                   },
                   check=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_kernels_equal_plain_pytorch_on_the_device():
    from prcl_mmseg.models.contrast.pairwise_backends import fused
    device = torch.device('cuda', torch.cuda.current_device())
    choice.check_agreement(fused, device)
    assert backend_for(torch.zeros(1, device=device)) is fused


def test_the_cpu_and_double_precision_use_plain_pytorch():
    assert backend_for(torch.zeros(1)) is blocks
    assert backend_for(torch.zeros(1).double()) is blocks


def test_agreement_is_checked_on_every_output():
    cpu = torch.device('cpu')
    choice.check_agreement(blocks, cpu)

    def off_by(number: int) -> SimpleNamespace:
        def gradients(*args):
            result = list(blocks.gradients(*args))
            if number:
                result[number - 1] = result[number - 1] * 1.1
            return result

        return SimpleNamespace(
            energy=lambda *args: blocks.energy(*args) + (number == 0),
            gradients=gradients)

    for number in range(3):
        with pytest.raises(RuntimeError, match='differ by'):
            choice.check_agreement(off_by(number), cpu)


def test_broken_kernels_are_replaced_with_a_warning(monkeypatch):
    messages = []
    monkeypatch.setattr(choice, 'print_log',
                        lambda message, **_: messages.append(message))

    def fail(*_):
        raise RuntimeError('no C compiler')

    monkeypatch.setattr(choice, 'check_agreement', fail)
    choice._cuda_backend.cache_clear()
    try:
        device = torch.device('cuda', 0)
        assert choice._cuda_backend(device) is blocks
        assert choice._cuda_backend(device) is blocks
    finally:
        choice._cuda_backend.cache_clear()
    assert len(messages) == 1 and 'plain PyTorch' in messages[0]
