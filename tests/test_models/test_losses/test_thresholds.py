# Copyright (c) prcl_mmseg authors. All rights reserved.
import math
import os
import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from prcl_mmseg.models import AdaptiveThreshold, FixedThreshold, View
from prcl_mmseg.models.losses.thresholds import build_threshold

# Labels and confidences of two steps, for two processes.
STEPS = (
    (([0, 0, 2, 255], [0.6, 0.9, 0.5, 0.0]), ([2, 2, 7, 7],
                                              [0.7, 0.1, 0.3, 0.2])),
    # The first process sees no label.
    (([255] * 4, [0.0] * 4), ([254, 1, 1, 255], [0.9, 0.4, 0.5, 0.0])),
)


def view_of(*pixels: tuple) -> View:
    """Images of one row each."""
    label, confidence = (torch.tensor(each)[:, None]
                         for each in zip(*pixels))
    one = torch.ones(3, 1, 1)
    image = torch.zeros(len(label), 3, *label.shape[1:])
    return View(image, dict(label=label, confidence=confidence), one, one)


@pytest.mark.parametrize('value', (0, 0.95, 1))
def test_a_fixed_threshold_stays(value):
    threshold = build_threshold(value)
    assert isinstance(threshold, FixedThreshold)
    threshold.update(view_of(STEPS[0][0]))
    assert threshold.value == value
    assert not threshold.state_dict()


@pytest.mark.parametrize('value', (-0.01, 1.01, float('nan')))
def test_what_is_no_confidence_is_no_threshold(value):
    with pytest.raises(ValueError, match=f'threshold={value}'):
        build_threshold(value)


@pytest.mark.parametrize('name', ('initial', 'momentum'))
@pytest.mark.parametrize('value', (-0.01, 1.01, float('nan')))
def test_bad_numbers_are_named(name, value):
    with pytest.raises(ValueError, match=f'threshold.{name}={value}'):
        build_threshold({'type': 'AdaptiveThreshold', name: value})


def test_it_follows_the_mean_of_the_highest_of_each_class():
    threshold = build_threshold(
        dict(type='AdaptiveThreshold', initial=0.85, momentum=0.9))
    threshold.update(view_of(*STEPS[0]))
    # Classes 0, 2 and 7.
    expected = 0.9 * 0.85 + 0.1 * (0.9 + 0.7 + 0.3) / 3
    assert threshold.value.item() == pytest.approx(expected)
    threshold.update(view_of(*STEPS[1]))
    # Classes 1 and 254.
    expected = 0.9 * expected + 0.1 * (0.5 + 0.9) / 2
    assert threshold.value.item() == pytest.approx(expected)


def test_without_any_label_it_stays():
    threshold = AdaptiveThreshold(initial=0.6, momentum=0.5)
    before = threshold.value.clone()
    # Padding says nothing, whatever its confidence.
    threshold.update(view_of(([255] * 3, [0.0, 0.5, 1.0])))
    assert threshold.value.equal(before)


def test_its_defaults_are_those_published():
    threshold = AdaptiveThreshold()
    assert threshold.value.item() == pytest.approx(0.85)
    threshold.update(view_of(([3], [0.35])))
    assert threshold.value.item() == pytest.approx(0.85 - 0.5 * 0.001)


@pytest.mark.parametrize('dtype', (torch.float16, torch.bfloat16))
def test_it_stays_fp32_whatever_the_confidences_are(dtype):
    threshold = AdaptiveThreshold(momentum=0.5)
    view = view_of(STEPS[0][0])
    threshold.update(view.replace(confidence=view.confidence.to(dtype)))
    assert threshold.value.dtype == torch.float32
    assert threshold.value.item() == pytest.approx(
        (0.85 + (0.9 + 0.5) / 2) / 2, abs=0.004)


def test_confidences_that_are_nan_count_for_nothing():
    threshold, expected = AdaptiveThreshold(), AdaptiveThreshold()
    threshold.update(view_of((0, 0.9), (1, math.nan)))
    expected.update(view_of((0, 0.9)))
    assert threshold.value.equal(expected.value)


def test_it_is_resumed():
    threshold, resumed = AdaptiveThreshold(), AdaptiveThreshold(0.2)
    threshold.update(view_of(STEPS[0][0]))
    resumed.load_state_dict(threshold.state_dict())
    assert resumed.value.equal(threshold.value)


def run_process(rank: int, port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=2)
    threshold, values = AdaptiveThreshold(momentum=0.5), []
    for step in STEPS:
        threshold.update(view_of(step[rank]))
        values.append(threshold.value.clone())
    torch.save(values, f'{folder}/{rank}.pth')
    dist.destroy_process_group()


def test_all_processes_have_that_of_the_joined_view(tmp_path):
    with socket.socket() as sock:
        sock.bind(('', 0))
        port = sock.getsockname()[1]
    mp.spawn(run_process, (port, str(tmp_path)), nprocs=2)
    first, second = (torch.load(tmp_path / f'{rank}.pth')
                     for rank in range(2))
    joined = AdaptiveThreshold(momentum=0.5)
    for one, other, step in zip(first, second, STEPS):
        joined.update(view_of(*step))
        assert one.equal(other)
        torch.testing.assert_close(one, joined.value)
    assert not first[0].equal(first[1])
