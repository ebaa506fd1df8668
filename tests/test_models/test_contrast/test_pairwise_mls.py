# Copyright (c) prcl_mmseg authors. All rights reserved.
import importlib

import pytest
import torch

from prcl_mmseg.gaussian import DiagonalGaussian, mutual_likelihood_score
from prcl_mmseg.models import pairwise_mls
from prcl_mmseg.models.contrast.pairwise_backends import blocks


@pytest.fixture(params=[1, 100, 2**20])
def block_size(request, monkeypatch) -> None:
    """One pair at a time, a few, and everything at once."""
    monkeypatch.setattr(blocks, '_BLOCK_SIZE', dict(cpu=request.param))


@pytest.fixture
def scene() -> tuple:
    torch.manual_seed(0)
    anchors = DiagonalGaussian(
        torch.randn(3, 5, 8, requires_grad=True),
        (torch.rand(3, 5, 8) + 0.1).requires_grad_())
    keys = DiagonalGaussian(
        torch.randn(20, 8, requires_grad=True),
        (torch.rand(20, 8) + 0.1).requires_grad_())
    return anchors, keys, torch.randint(20, (3, 7))


def materialized(anchors, keys, index, reduction) -> torch.Tensor:
    keys = keys.detach()[index]
    return mutual_likelihood_score(
        anchors.mean[:, :, None],
        anchors.var[:, :, None],
        keys.mean[:, None],
        keys.var[:, None],
        reduction=reduction)


@pytest.mark.parametrize('reduction', ['sum', 'mean'])
def test_equals_the_materialized_score(block_size, scene, reduction):
    anchors, keys, index = scene
    score = pairwise_mls(anchors, keys, index, reduction)
    expected = materialized(anchors, keys, index, reduction)
    torch.testing.assert_close(score, expected)
    weight = torch.randn_like(score)
    leaves = [anchors.mean, anchors.var]
    gradients = torch.autograd.grad((score * weight).sum(), leaves)
    wanted = torch.autograd.grad((expected * weight).sum(), leaves)
    for gradient, value in zip(gradients, wanted):
        torch.testing.assert_close(gradient, value, rtol=1e-4, atol=1e-5)


def test_anchors_in_any_order_of_memory(scene):
    anchors, keys, index = scene
    gradients = []
    for order in (lambda value: value,
                  lambda value: value.mT.contiguous().mT):
        mean, var = (
            order(value.detach()).requires_grad_()
            for value in (anchors.mean, anchors.var))
        pairwise_mls(DiagonalGaussian(mean, var), keys, index).sum().backward()
        gradients.append((mean.grad, var.grad))
    assert gradients[0][0].abs().sum() > 0
    torch.testing.assert_close(*gradients)


def test_keys_are_constants(scene):
    anchors, keys, index = scene
    pairwise_mls(anchors, keys, index).sum().backward()
    assert anchors.mean.grad is not None
    assert keys.mean.grad is None and keys.var.grad is None


def test_half_precision_is_scored_in_fp32(scene):
    anchors, keys, index = scene
    half = DiagonalGaussian(anchors.mean.half(), anchors.var.half())
    assert pairwise_mls(half, keys, index).dtype == torch.float32


def test_gradient_in_double_precision(block_size):
    # The function hides the module of its name.
    module = importlib.import_module('prcl_mmseg.models.contrast.pairwise_mls')
    torch.manual_seed(0)
    mean = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    var = torch.rand(2, 3, 4, dtype=torch.float64) + 0.2
    key_mean = torch.randn(6, 4, dtype=torch.float64)
    key_var = torch.rand(6, 4, dtype=torch.float64) + 0.2
    # One key twice: it counts twice.
    index = torch.tensor([[0, 3, 3, 5], [1, 2, 0, 4]])
    assert torch.autograd.gradcheck(
        lambda *anchors: module._PairwiseEnergy.apply(
            *anchors, key_mean, key_var, index), (mean, var.requires_grad_()))


def test_a_block_may_end_within_groups_and_keys(monkeypatch, scene):
    """5 anchors of 8 dimensions: 4 keys, or no whole number of groups."""
    anchors, keys, index = scene
    expected = materialized(anchors, keys, index, 'sum')
    for size in (4 * 40, 2 * 7 * 40, 2 * 7 * 40 + 39):
        monkeypatch.setattr(blocks, '_BLOCK_SIZE', dict(cpu=size))
        torch.testing.assert_close(
            pairwise_mls(anchors, keys, index), expected)


def test_unknown_reduction_is_named(scene):
    with pytest.raises(ValueError, match="reduction='none'"):
        pairwise_mls(*scene, reduction='none')


@pytest.mark.parametrize('smallest,largest',
                         [(1e-6, 1.0), (1e-30, 1e-29), (1e-12, 1e12),
                          (1e20, 1e30), (0.3, 0.31)])
@pytest.mark.parametrize('dims', [1, 6, 7, 256])
def test_any_range_of_variances_is_exact(smallest, largest, dims):
    """Logarithms of products must neither overflow nor lose digits."""
    torch.manual_seed(0)

    def variances(*shape) -> torch.Tensor:
        low, high = torch.tensor([smallest, largest]).log()
        return (low + (high - low) * torch.rand(shape)).exp()

    anchors = DiagonalGaussian(torch.zeros(1, 4, dims), variances(1, 4, dims))
    keys = DiagonalGaussian(torch.zeros(9, dims), variances(9, dims))
    index = torch.arange(9)[None]
    doubled = [
        DiagonalGaussian(g.mean.double(), g.var.double())
        for g in (anchors, keys)
    ]
    torch.testing.assert_close(
        pairwise_mls(anchors, keys, index).double(),
        materialized(*doubled, index, 'sum'),
        rtol=1e-6,
        atol=1e-5)


@pytest.mark.parametrize('wanted', [(True, False), (False, True)])
def test_gradients_are_computed_only_where_asked(wanted, scene):
    anchors, keys, index = scene
    anchors = DiagonalGaussian(*(
        leaf.detach().requires_grad_(needed)
        for leaf, needed in zip((anchors.mean, anchors.var), wanted)))
    pairwise_mls(anchors, keys, index).sum().backward()
    for leaf, needed in zip((anchors.mean, anchors.var), wanted):
        assert (leaf.grad is not None) == needed
    grad = torch.ones(3, 5, 7)
    gradients = blocks.gradients(grad, anchors.mean.detach(),
                                 anchors.var.detach(), keys.mean.detach(),
                                 keys.var.detach(), index, *wanted)
    assert tuple(value is not None for value in gradients) == wanted


@pytest.mark.parametrize('groups, num_anchors, num_keys',
                         [(0, 5, 3), (2, 0, 3), (2, 5, 0)])
def test_nothing_to_score_gives_no_scores_and_no_gradient(
        groups, num_anchors, num_keys):
    mean = torch.randn(groups, num_anchors, 8, requires_grad=True)
    anchors = DiagonalGaussian(mean, torch.ones_like(mean))
    keys = DiagonalGaussian(torch.randn(4, 8), torch.ones(4, 8))
    index = torch.zeros(groups, num_keys, dtype=torch.int64)
    score = pairwise_mls(anchors, keys, index)
    score.sum().backward()
    assert score.shape == (groups, num_anchors, num_keys)
    assert not mean.grad.any()


def test_no_keys_at_all():
    anchors = DiagonalGaussian(torch.randn(1, 2, 8), torch.ones(1, 2, 8))
    nothing = DiagonalGaussian(torch.zeros(0, 8), torch.zeros(0, 8))
    score = pairwise_mls(anchors, nothing, torch.zeros(1, 0).long())
    assert score.shape == (1, 2, 0)


def test_tiny_variances_score_as_in_double_precision(scene):
    anchors, keys, index = scene
    tiny = DiagonalGaussian(anchors.mean, torch.full_like(
        anchors.var, 1e-20).requires_grad_())
    keys = DiagonalGaussian(keys.mean, torch.full_like(keys.var, 1e-20))
    score = pairwise_mls(tiny, keys, index)
    expected = materialized(
        DiagonalGaussian(tiny.mean.double(), tiny.var.double()),
        DiagonalGaussian(keys.mean.double(), keys.var.double()), index, 'sum')
    torch.testing.assert_close(score.double(), expected, rtol=1e-5, atol=0)
    # Anchors that score without a weight must not make NaN of 0 times inf.
    (score * torch.arange(7)).sum().backward()
    assert tiny.mean.grad.isfinite().all() and tiny.var.grad.isfinite().all()
