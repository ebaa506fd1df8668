# Copyright (c) prcl_mmseg authors. All rights reserved.
import math

import pytest
from mmengine.logging import MessageHub

from prcl_mmseg.models import Constant, GaussianRampDown, GaussianRampUp
from prcl_mmseg.models.losses.ramps import training_progress


def test_ramps():
    down, up = GaussianRampDown(), GaussianRampUp(length=0.5)
    assert [down(0), down(1)] == [1, pytest.approx(math.exp(-5))]
    assert down(0.5) == pytest.approx(math.exp(-1.25))
    assert [up(0), up(0.5), up(1)] == [pytest.approx(math.exp(-5)), 1, 1]
    assert Constant(0.3)(0.7) == 0.3


def test_bad_length_is_named():
    with pytest.raises(ValueError, match='length=0'):
        GaussianRampUp(length=0)


def test_progress_is_the_runners():
    hub = MessageHub.get_instance('progress of a test')
    assert training_progress() == 0
    hub.update_info('iter', 30)
    hub.update_info('max_iters', 120)
    assert training_progress() == 0.25
