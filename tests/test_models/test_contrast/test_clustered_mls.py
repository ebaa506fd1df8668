# Copyright (c) prcl_mmseg authors. All rights reserved.
import importlib

import pytest
import torch

from prcl_mmseg.gaussian import DiagonalGaussian, mutual_likelihood_score
from prcl_mmseg.models import clustered_mls


def module():
    # The function hides the module of its name.
    return importlib.import_module('prcl_mmseg.models.contrast.clustered_mls')


def make(anchors: int, clusters: int, keys: int, dims: int,
         scale: float = 1.0, dtype=torch.float32) -> tuple:
    torch.manual_seed(0)

    def gaussian(number: int) -> DiagonalGaussian:
        return DiagonalGaussian(
            torch.randn(number, dims, dtype=dtype),
            scale * (torch.rand(number, dims, dtype=dtype) + 0.1))

    offset = scale**0.5 * torch.randn(clusters, keys, dims, dtype=dtype)
    return gaussian(anchors), gaussian(clusters), offset


def materialized(anchors, clusters, offset, reduction='sum') -> torch.Tensor:
    return mutual_likelihood_score(
        anchors.mean[:, None, None],
        anchors.var[:, None, None],
        clusters.mean[:, None] + offset,
        clusters.var[:, None],
        reduction=reduction)


@pytest.mark.parametrize('block_size', [1, 300, 2**20])
@pytest.mark.parametrize('reduction', ['sum', 'mean'])
@pytest.mark.parametrize('shape', [(7, 4, 5, 16), (3, 1, 1, 9), (1, 6, 2, 1)])
def test_equals_the_materialized_score(monkeypatch, block_size, reduction,
                                       shape):
    monkeypatch.setattr(module(), '_BLOCK_SIZE', dict(cpu=block_size))
    anchors, clusters, offset = make(*shape)
    leaves = [anchors.mean.requires_grad_(), anchors.var.requires_grad_()]
    score = clustered_mls(anchors, clusters, offset, reduction)
    expected = materialized(anchors, clusters, offset, reduction)
    torch.testing.assert_close(score, expected, rtol=1e-5, atol=1e-5)
    weight = torch.randn_like(score)
    for gradient, wanted in zip(
            torch.autograd.grad((weight * score).sum(), leaves),
            torch.autograd.grad((weight * expected).sum(), leaves)):
        torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('scale', [1e-6, 1e-3, 1.0])
def test_small_variances_lose_no_digits(scale):
    """Anchors among the keys of a tight cluster, where terms could cancel."""
    anchors, clusters, offset = make(5, 3, 6, 64, scale, torch.float64)
    anchors = DiagonalGaussian(
        clusters.mean[:1] + scale**0.5 * torch.randn(5, 64).double(),
        anchors.var)
    expected = materialized(anchors, clusters, offset)[:, 0]
    single = [
        DiagonalGaussian(g.mean.float(), g.var.float())
        for g in (anchors, clusters)
    ]
    score = clustered_mls(*single, offset.float())[:, 0].double()
    # What rounding the inputs to fp32 costs by itself.
    rounded = materialized(
        *(DiagonalGaussian(g.mean.double(), g.var.double()) for g in single),
        offset.float().double())[:, 0]
    floor = (rounded - expected).abs().max()
    assert (score - expected).abs().max() < 2 * floor + 1e-4


def test_gradient_in_double_precision():
    anchors, clusters, offset = make(3, 4, 2, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda mean, var: module()._ClusteredEnergy.apply(
            mean, var, clusters.mean, clusters.var, offset),
        (anchors.mean.requires_grad_(), anchors.var.requires_grad_()))


def test_keys_are_constants():
    anchors, clusters, offset = make(3, 4, 2, 5)
    anchors.mean.requires_grad_()
    constants = [clusters.mean, clusters.var, offset]
    for constant in constants:
        constant.requires_grad_()
    clustered_mls(anchors, clusters, offset).sum().backward()
    assert anchors.mean.grad is not None and anchors.var.grad is None
    assert all(constant.grad is None for constant in constants)


@pytest.mark.parametrize('shape', [(0, 4, 5, 8), (3, 4, 0, 8), (3, 0, 5, 8)])
def test_nothing_to_score_gives_no_scores_and_no_gradient(shape):
    anchors, clusters, offset = make(*shape)
    anchors.mean.requires_grad_()
    score = clustered_mls(anchors, clusters, offset)
    score.sum().backward()
    assert score.shape == shape[:3]
    assert not anchors.mean.grad.any()


def test_tiny_variances_give_finite_scores_and_gradients():
    anchors, clusters, offset = make(7, 4, 5, 8, scale=1e-20)
    leaves = anchors.mean.requires_grad_(), anchors.var.requires_grad_()
    score = clustered_mls(anchors, clusters, offset)
    expected = materialized(
        DiagonalGaussian(*(leaf.double() for leaf in leaves)),
        DiagonalGaussian(clusters.mean.double(), clusters.var.double()),
        offset.double())
    torch.testing.assert_close(score.double(), expected, rtol=1e-4, atol=0)
    score.sum().backward()
    assert all(leaf.grad.isfinite().all() for leaf in leaves)
