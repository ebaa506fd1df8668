# Copyright (c) prcl_mmseg authors. All rights reserved.
"""No part of a step may ask the device for a value and wait for it."""
import importlib

import pytest
import torch
from mmseg.registry import MODELS
from tiny import segmentor, semi_batch
from torch.utils._python_dispatch import TorchDispatchMode

from prcl_mmseg.models.losses.pairwise_backends import blocks

# Their results, or the shapes of these, are numbers on the host.
WAITING = ('aten::_local_scalar_dense', 'aten::nonzero',
           'aten::masked_select', 'aten::_unique2', 'aten::equal')


class NoWaiting(TorchDispatchMode):
    """Fails at an operation for which a GPU's host would have to wait."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name()
        assert name not in WAITING, name
        if name in ('aten::index.Tensor', 'aten::index_put_'):
            assert not any(index is not None and index.dtype == torch.bool
                           for index in args[1]), 'a mask as index'
        return func(*args, **(kwargs or {}))


@pytest.fixture
def as_on_a_gpu(monkeypatch) -> None:
    """Without what is done on the CPU only, and mmseg's own accuracy."""
    module = importlib.import_module('prcl_mmseg.models.losses.clustered_mls')
    for owner in (blocks, module):
        monkeypatch.setattr(owner, 'safe_halvings', lambda *_: 0)
    monkeypatch.setattr('mmseg.models.decode_heads.decode_head.accuracy',
                        lambda *_, **__: torch.zeros(1))


def test_the_check_finds_what_waits():
    values = torch.arange(3)
    for wait in (lambda: values[0].item(), lambda: values[values > 1],
                 lambda: bool(values.any()), lambda: values.nonzero()):
        with pytest.raises(AssertionError), NoWaiting():
            wait()


@pytest.mark.parametrize('negatives', [
    dict(type='PrototypeNegatives'),
    dict(type='PixelNegatives'),
    dict(type='PixelNegatives', shared=False, num_negatives=4),
    dict(type='VirtualNegatives')
])
def test_a_prcl_step_up_to_the_gradients(as_on_a_gpu, negatives):
    model = MODELS.build(
        dict(
            type='PRCL',
            segmentor=segmentor(),
            num_classes=3,
            crop_size=(32, 32),
            contrast=dict(type='MLSContrastLoss', negatives=negatives)))
    model.train()
    inputs, data_samples = semi_batch()
    with NoWaiting():
        losses = model.loss(inputs, data_samples)
        loss, _ = model.parse_losses(losses)
        loss.backward()
        model.prototype_bank.commit()
    assert losses['loss_contrast'] > 0
