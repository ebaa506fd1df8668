# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch

from prcl_mmseg.models.decode_heads.embedding_branches import (
    FixedVariance, MeanBranch, RowNormalizedConv2d, VarianceBranch)


@pytest.fixture
def branch() -> VarianceBranch:
    torch.manual_seed(0)
    return VarianceBranch(6, 4, dict(type='BN'), initial_variance=0.5)


def test_variance_is_the_squashed_normalized_feature(branch):
    branch.norm2.register_forward_hook(
        lambda module, args, output: outputs.append(output))
    outputs = []
    var = branch(torch.randn(2, 6, 5, 5))
    value = outputs[0].double().exp() + 1e-6
    torch.testing.assert_close(var.double(), value / (1 + value))


@pytest.mark.parametrize('initial', [0.5, 1 / 64])
def test_variances_start_around_a_given_one(initial):
    torch.manual_seed(0)
    branch = VarianceBranch(6, 4, dict(type='BN'), initial)
    median = branch(torch.randn(2, 6, 65, 65)).median()
    assert abs(median - initial) < 0.1 * initial


@pytest.mark.parametrize('initial', [0.0, 1.0])
def test_an_impossible_initial_variance_is_refused(initial):
    with pytest.raises(ValueError, match='initial_variance.*0, 1'):
        VarianceBranch(6, 4, dict(type='BN'), initial)


@pytest.mark.parametrize('scale', [1e3, -1e3])
def test_extremes_stay_finite_with_their_gradient(branch, scale):
    with torch.no_grad():
        branch.scale.fill_(scale)
    var = branch(torch.randn(2, 6, 5, 5))
    assert var.min() >= 9e-7 and var.max() <= 1
    var.sum().backward()
    assert all(parameter.grad.isfinite().all()
               for parameter in branch.parameters())


def test_it_is_fp32_under_autocast(branch):
    with torch.autocast('cpu', dtype=torch.bfloat16):
        var = branch(torch.randn(2, 6, 5, 5))
    assert var.dtype == torch.float32 and var.isfinite().all()


def test_row_normalized_convolution_ignores_the_length_of_filters():
    torch.manual_seed(0)
    conv = RowNormalizedConv2d(6, 4)
    x = torch.randn(1, 6, 3, 3)
    before = conv(x)
    with torch.no_grad():
        conv.weight.mul_(torch.tensor([1., 2., 30., 0.4])[:, None, None, None])
    torch.testing.assert_close(conv(x), before)


def test_mean_branch_keeps_the_resolution():
    branch = MeanBranch(6, 4, dict(type='BN'))
    assert branch(torch.randn(2, 6, 5, 7)).shape == (2, 4, 5, 7)


def test_fixed_variance_is_everywhere_the_same():
    branch = FixedVariance(4, 0.5)
    assert not list(branch.parameters())
    var = branch(torch.randn(2, 6, 5, 7).half())
    assert var.shape == (2, 4, 5, 7) and var.dtype == torch.float32
    assert var.eq(0.5).all()
