# Copyright (c) prcl_mmseg authors. All rights reserved.
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from prcl_mmseg.visualization import (ErrorFinding, Panel, find_errors,
                                      recorded_finding, variance_source)

SIZE = (20, 30)


def panel(sign: float, **maps) -> Panel:
    """σ² is larger on wrong pixels if the sign is positive."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, SIZE)
    wrong = rng.random(SIZE) < 0.2
    noise = rng.random((2, *SIZE)).astype(np.float32)
    settings = dict(
        image=np.zeros((*SIZE, 3), np.uint8),
        pseudo_label=np.where(wrong, 1 - truth, truth),
        truth=truth,
        variance=noise[0] + sign * wrong.astype(np.float32),
        confidence=0.5 + 0.2 * noise[1] + np.where(wrong, 0, 0.15))
    settings['confidence'] = settings['confidence'].astype(np.float32)
    settings.update(maps)
    return Panel(**settings)


def expected(row: Panel, score: np.ndarray) -> float:
    wrong = row.truth != row.pseudo_label
    return 100 * (score[wrong][:, None] > score[~wrong]).mean()


@pytest.mark.parametrize('sign', [0.3, -0.3])
def test_finding_is_the_auroc(sign):
    row = panel(sign)
    finding = find_errors([row], 2)
    assert finding.variance == pytest.approx(
        expected(row, row.variance), abs=0.2)
    assert finding.softmax == pytest.approx(
        expected(row, -row.confidence), abs=0.2)
    assert finding.images == 1
    assert finding.is_inverted == (sign < 0)
    assert ('is inverted' in str(finding)) == (sign < 0)
    assert f'{finding.variance:.1f} %' in str(finding)


def test_pixels_without_truth_do_not_count():
    row = panel(0.3)
    half = panel(0.3)
    half.truth[10:] = 255
    upper = panel(0.3)
    for name in ('image', 'pseudo_label', 'truth', 'variance', 'confidence'):
        setattr(upper, name, getattr(upper, name)[:10])
    assert find_errors([half], 2) == find_errors([upper], 2)
    assert find_errors([row, panel(0.3, truth=None)], 2).images == 1


@pytest.mark.parametrize('rows', [
    [],
    [panel(1, truth=None)],
    [panel(1, variance=None)],
    [panel(1, variance=np.full(SIZE, np.nan, np.float32))],
    [panel(1, pseudo_label=panel(1).truth)],
])
def test_what_cannot_be_known(rows):
    assert find_errors(rows, 2) is None


def test_record_counts_for_the_variance_it_was_measured_on():
    finding = ErrorFinding(17.0, 88.0, 16)
    term = SimpleNamespace(
        map_names=('pred_variance', ), variance_summary='prototype')
    model = SimpleNamespace(terms=dict(a=term), predict_with='teacher')
    record = dict(finding._asdict(), **variance_source(model))
    checkpoint = dict(meta=dict(uncertainty=record))
    assert recorded_finding(checkpoint, model) == finding
    assert recorded_finding(dict(meta=dict()), model) is None
    assert recorded_finding(dict(), model) is None
    assert recorded_finding(checkpoint, nn.Identity()) is None
    for other in (dict(predict_with='student'), dict(variance_summary='mean')):
        changed = dict(meta=dict(uncertainty={**record, **other}))
        assert recorded_finding(changed, model) is None
