# Copyright (c) prcl_mmseg authors. All rights reserved.
import math

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Independent, Normal, kl_divergence

from prcl_mmseg.gaussian import DiagonalGaussian, mutual_likelihood_score


def random_gaussian(*shape: int, seed: int = 0) -> DiagonalGaussian:
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(shape, generator=generator, dtype=torch.float64)
    var = torch.rand(shape, generator=generator, dtype=torch.float64) + 0.05
    return DiagonalGaussian(mean, var)


def test_score_is_the_log_density_of_the_difference():
    one, two = random_gaussian(6, 1, 16), random_gaussian(5, 16, seed=1)
    score = mutual_likelihood_score(one.mean, one.var, two.mean, two.var)
    density = Independent(
        Normal(two.mean, (one.var + two.var).sqrt()), 1).log_prob(one.mean)
    assert score.shape == (6, 5)
    torch.testing.assert_close(score, density)


def test_score_is_symmetric():
    one, two = random_gaussian(7, 4), random_gaussian(7, 4, seed=1)
    torch.testing.assert_close(
        mutual_likelihood_score(one.mean, one.var, two.mean, two.var),
        mutual_likelihood_score(two.mean, two.var, one.mean, one.var))


def test_mean_reduction_leaves_the_constant_out():
    one, two = random_gaussian(7, 4), random_gaussian(7, 4, seed=1)
    total = mutual_likelihood_score(one.mean, one.var, two.mean, two.var)
    mean = mutual_likelihood_score(
        one.mean, one.var, two.mean, two.var, reduction='mean')
    constant = 2 * torch.log(torch.tensor(2 * torch.pi, dtype=torch.float64))
    torch.testing.assert_close(4 * mean - constant, total)


def test_normalize_scales_the_means_only():
    one, two = random_gaussian(7, 4), random_gaussian(7, 4, seed=1)
    torch.testing.assert_close(
        mutual_likelihood_score(
            5 * one.mean, one.var, two.mean, two.var, normalize=True),
        mutual_likelihood_score(
            F.normalize(one.mean, dim=-1), one.var,
            F.normalize(two.mean, dim=-1), two.var))


def test_unknown_reduction_is_named():
    with pytest.raises(ValueError, match="reduction='max'"):
        mutual_likelihood_score(*[torch.ones(2)] * 4, reduction='max')


def test_fusing_is_bayes_rule():
    """One by one or all at once, and against the product of densities."""
    parts = random_gaussian(5, 3)
    fused = parts.fuse(0)
    step = parts[0]
    for i in range(1, 5):
        step = DiagonalGaussian(
            torch.stack([step.mean, parts.mean[i]]),
            torch.stack([step.var, parts.var[i]])).fuse(0)
    torch.testing.assert_close(step.mean, fused.mean)
    torch.testing.assert_close(step.var, fused.var)

    points = torch.randn(50, 3, dtype=torch.float64)
    product = Normal(parts.mean, parts.var.sqrt()).log_prob(
        points[:, None]).sum(1)
    density = Normal(fused.mean, fused.var.sqrt()).log_prob(points)
    offset = product - density
    torch.testing.assert_close(offset, offset[:1].expand_as(offset))


def test_fuse_over_several_dimensions():
    parts = random_gaussian(2, 3, 4, 5)
    both = parts.fuse((0, 2))
    flat = DiagonalGaussian(
        parts.mean.transpose(0, 1).reshape(3, 8, 5),
        parts.var.transpose(0, 1).reshape(3, 8, 5)).fuse(1)
    torch.testing.assert_close(both.mean, flat.mean)
    torch.testing.assert_close(both.var, flat.var)


def test_samples_have_the_mean_and_the_scaled_variance():
    torch.manual_seed(0)
    gaussian = random_gaussian(3, 4)
    samples = gaussian.sample(100_000, scale=0.25)
    assert samples.shape == (3, 100_000, 4)
    drawn = Normal(samples.mean(1), samples.std(1))
    wanted = Normal(gaussian.mean, (0.25 * gaussian.var).sqrt())
    assert kl_divergence(drawn, wanted).max() < 1e-3
    assert gaussian.sample().shape == (3, 4)


def test_samples_are_differentiable():
    mean = torch.zeros(4, requires_grad=True)
    var = torch.ones(4, requires_grad=True)
    DiagonalGaussian(mean, var).sample(10).square().sum().backward()
    assert mean.grad.abs().sum() > 0 and var.grad.abs().sum() > 0


def test_score_of_equal_gaussians_is_the_log_density_at_the_mean():
    """σ1² + σ2² = 1 and no distance leave the constant only."""
    mean, var = torch.randn(5, 12), torch.full((5, 12), 0.5)
    score = mutual_likelihood_score(mean, var, mean, var)
    torch.testing.assert_close(
        score, torch.full((5, ), -6 * math.log(2 * math.pi)))


def test_score_falls_with_the_distance_and_is_flat_where_doubtful():
    mean = torch.zeros(4)
    sure, doubtful = torch.full((4, ), 0.1), torch.full((4, ), 10.)
    drops = [
        mutual_likelihood_score(mean, var, mean, var) -
        mutual_likelihood_score(mean, var, mean + 1, var)
        for var in (sure, doubtful)
    ]
    # Half the squared distance over the sum of variances, 4 times.
    torch.testing.assert_close(
        torch.stack(drops), torch.tensor([4 / 0.4, 4 / 40]))


def test_broadcast_scores_are_those_of_each_pair():
    one, two = random_gaussian(3, 5), random_gaussian(4, 5, seed=1)
    scores = mutual_likelihood_score(one.mean[:, None], one.var[:, None],
                                     two.mean, two.var)
    for i in range(3):
        for j in range(4):
            torch.testing.assert_close(
                scores[i, j],
                mutual_likelihood_score(one.mean[i], one.var[i], two.mean[j],
                                        two.var[j]))


def test_a_variance_shared_by_all_dimensions_broadcasts():
    """The constant counts the dimensions of the mean, not of the variance."""
    mean = random_gaussian(6, 4).mean
    var = torch.rand(6, 1, dtype=torch.float64) + 0.1
    torch.testing.assert_close(
        mutual_likelihood_score(mean, var, mean.flip(0), var),
        mutual_likelihood_score(mean, var.expand(6, 4), mean.flip(0),
                                var.expand(6, 4)))


def test_fusing_does_not_depend_on_order_or_grouping():
    parts = random_gaussian(9, 3)
    fused = parts.fuse(0)
    shuffled = parts[torch.randperm(9)].fuse(0)
    groups = [parts[:2].fuse(0), parts[2:7].fuse(0), parts[7:].fuse(0)]
    grouped = DiagonalGaussian(
        torch.stack([group.mean for group in groups]),
        torch.stack([group.var for group in groups])).fuse(0)
    for other in (shuffled, grouped):
        torch.testing.assert_close(other.mean, fused.mean)
        torch.testing.assert_close(other.var, fused.var)


def test_fusing_equals_halves_the_variance():
    part = random_gaussian(1, 4)
    twice = part[[0, 0]].fuse(0)
    torch.testing.assert_close(twice.mean, part.mean[0])
    torch.testing.assert_close(twice.var, part.var[0] / 2)


def test_detach_cuts_both_parts():
    gaussian = DiagonalGaussian(
        torch.randn(3, requires_grad=True), torch.ones(3, requires_grad=True))
    cut = gaussian.detach()
    assert not cut.mean.requires_grad and not cut.var.requires_grad
    assert cut.mean.equal(gaussian.mean)


def test_samples_of_several_gaussians_are_independent():
    torch.manual_seed(0)
    samples = DiagonalGaussian(torch.zeros(2, 2), torch.ones(2,
                                                             2)).sample(20_000)
    correlation = torch.corrcoef(samples.transpose(0, 1).flatten(1).T)
    assert (correlation - torch.eye(4)).abs().max() < 0.04
