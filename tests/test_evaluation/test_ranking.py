# Copyright (c) prcl_mmseg authors. All rights reserved.
"""AUROC and AURC from histograms against their definitions."""
import itertools
import math

import pytest
import torch

from prcl_mmseg.evaluation import aurc, auroc, score_bins
from prcl_mmseg.evaluation.ranking import (NUM_BINS, auroc_tolerance,
                                           perfect_aurc)


def histogram(score: torch.Tensor, wrong: torch.Tensor) -> torch.Tensor:
    bins = score_bins(score) + NUM_BINS * wrong
    return torch.bincount(bins, minlength=2 * NUM_BINS).view(2, NUM_BINS)


def pairwise_auroc(score: torch.Tensor, wrong: torch.Tensor) -> float:
    """Count the pairs."""
    difference = score[wrong][:, None] - score[~wrong]
    return float(((difference > 0) + 0.5 * (difference == 0)).double().mean())


def risk_area(wrong: list) -> float:
    """Mean error of the k first predictions over all k."""
    risks = [sum(wrong[:k]) / k for k in range(1, len(wrong) + 1)]
    return sum(risks) / len(risks)


def tied_risk_area(score: list, wrong: list) -> float:
    """Mean of the area over every order that the score allows."""
    areas = []
    for order in itertools.permutations(range(len(score))):
        if all(score[a] <= score[b] for a, b in zip(order, order[1:])):
            areas.append(risk_area([wrong[index] for index in order]))
    return sum(areas) / len(areas)


@pytest.mark.parametrize('scale', [1e-30, 1e-3, 1, 1e20])
def test_random_scores(scale):
    score = scale * torch.randn(3000)
    wrong = torch.rand(3000) < (score / scale).sigmoid() * 0.5
    counts = histogram(score, wrong)
    exact = pairwise_auroc(score, wrong)
    assert auroc(counts) == pytest.approx(exact, abs=1e-5)
    assert abs(auroc(counts) - exact) <= auroc_tolerance(counts) < 1e-3
    ranked = wrong[score.argsort()].tolist()
    assert aurc(counts) == pytest.approx(risk_area(ranked), abs=1e-4)


def test_tied_scores():
    score = torch.randint(0, 5, (400, )).float()
    wrong = torch.rand(400) < 0.1 + 0.15 * score
    counts = histogram(score, wrong)
    assert auroc(counts) == pytest.approx(
        pairwise_auroc(score, wrong), abs=1e-12)


@pytest.mark.parametrize('score, wrong', [
    ([0, 0, 0, 0], [0, 1, 0, 0]),
    ([1, 0, 1, 2, 1, 0], [1, 0, 0, 1, 0, 1]),
    ([3, 1, 1, 1, 2, 2, 3], [1, 1, 0, 1, 0, 1, 0]),
])
def test_ties_count_as_in_a_random_order(score, wrong):
    counts = histogram(
        torch.tensor(score).float(),
        torch.tensor(wrong).bool())
    assert aurc(counts) == pytest.approx(
        tied_risk_area(score, wrong), abs=1e-12)


def test_perfect_and_useless_detectors():
    wrong = torch.arange(1000) % 5 == 0
    perfect = histogram(wrong.float(), wrong)
    assert auroc(perfect) == 1
    area = risk_area(sorted(wrong.tolist()))
    assert aurc(perfect) == pytest.approx(area, abs=1e-12)
    useless = histogram(torch.zeros(1000), wrong)
    assert auroc(useless) == 0.5
    assert aurc(useless) == pytest.approx(0.2, abs=1e-12)
    assert perfect_aurc(useless) == pytest.approx(area, abs=1e-12)
    inverted = histogram(-wrong.float(), wrong)
    assert auroc(inverted) == 0


def test_nothing_wrong_or_nothing_at_all():
    counts = histogram(torch.rand(10), torch.zeros(10, dtype=torch.bool))
    assert math.isnan(auroc(counts))
    assert aurc(counts) == 0
    assert math.isnan(aurc(torch.zeros(2, NUM_BINS)))


def test_bins_keep_the_order_of_any_float():
    values = torch.tensor([
        -torch.inf, -1e30, -2.0, -1.0, -1e-3, -1e-40, -0.0, 0.0, 1e-40, 1e-3,
        0.5, 0.501, 1.0, 3e38, torch.inf
    ])
    bins = score_bins(values)
    assert (bins.diff() >= 0).all()
    assert 0 <= bins.min() and bins.max() < NUM_BINS
    assert bins[6] == bins[7]
    assert bins[10] < bins[11]
    # A bin is 2^-11 of its scores wide.
    assert score_bins(torch.tensor(0.5)) < score_bins(
        torch.tensor(0.5 * (1 + 2**-11)))
