# Copyright (c) prcl_mmseg authors. All rights reserved.
"""No part of a step may ask the device for a value and wait for it."""
import importlib

import pytest
import torch
from tiny import build, semi_batch
from torch.utils._python_dispatch import TorchDispatchMode

from prcl_mmseg.models.contrast.pairwise_backends import blocks

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
    module = importlib.import_module(
        'prcl_mmseg.models.contrast.clustered_mls')
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


def take_step(model) -> dict:
    """A step up to the gradients, and what hooks do after it."""
    inputs, data_samples = semi_batch()
    with NoWaiting():
        losses = model.loss(inputs, data_samples)
        loss, _ = model.parse_losses(losses)
        loss.backward()
        if 'contrast' in model.terms:
            model.terms['contrast'].bank.commit()
    return losses


@pytest.mark.parametrize('negatives', [
    dict(type='PrototypeNegatives'),
    dict(type='PixelNegatives'),
    dict(type='PixelNegatives', shared=False, num_negatives=4),
    dict(type='VirtualNegatives')
])
def test_a_prcl_step(as_on_a_gpu, negatives):
    negatives['_delete_'] = True
    losses = take_step(
        build('prcl', terms=dict(contrast=dict(loss=dict(
            negatives=negatives)))))
    assert losses['loss_contrast'] > 0


@pytest.mark.parametrize('name', [
    'supervised', 'fixmatch', 'mean_teacher', 'unimatch', 'unimatch_v2',
    'prcl', 'prcl_reference', 'prcl_deterministic', 'prcl_unimatch_v2'
])
def test_a_step_of_every_method(as_on_a_gpu, name):
    take_step(build(name))


@pytest.mark.parametrize('confidence', ['softmax', 'views', 'contrast'])
def test_a_step_with_the_disagreement_of_views(as_on_a_gpu, confidence):
    losses = take_step(
        build(
            'prcl',
            terms=dict(views=dict(type='ViewVariance')),
            strategy=dict(
                labeler=dict(confidence=confidence),
                loss=dict(weighting='confidence'))))
    assert losses['loss_view_variance'] > 0


@pytest.mark.parametrize('strategy', [
    dict(labeler=dict(prototype_weight=1.0)),
    dict(loss=dict(threshold=dict(_delete_=True, type='AdaptiveThreshold')))
])
def test_a_step_with_other_settings(as_on_a_gpu, strategy):
    take_step(build('prcl', strategy=strategy))


def test_a_step_that_measures_gradients(as_on_a_gpu):
    model = build('prcl')
    model.terms['health'].gradients_wanted = True
    assert 'gradient_contrast' in take_step(model)
