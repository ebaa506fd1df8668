# Copyright (c) prcl_mmseg authors. All rights reserved.
from math import inf, nan

import numpy as np
import pytest

from prcl_mmseg.value_check import (check_choice, check_interval,
                                    check_number, did_you_mean, near)


@pytest.mark.parametrize('value', [0, 1, 0.5, np.float32(0.5), np.int64(1)])
def test_a_number_within_bounds(value):
    assert check_number('x', value, 0, 1) == value


@pytest.mark.parametrize('value',
                         [-1e-9, 2, nan, inf, -inf, 'a', None, True])
def test_no_number_within_bounds(value):
    with pytest.raises(ValueError, match=r'x=.* must be a number in \[0, 1\]'):
        check_number('x', value, 0, 1)


def test_open_bounds_are_refused_themselves():
    with pytest.raises(ValueError, match=r'in \(0, 1\)'):
        check_number('x', 0, 0, 1, open_low=True, open_high=True)
    with pytest.raises(ValueError, match=r'in \(0, 1\)'):
        check_number('x', 1, 0, 1, open_low=True, open_high=True)
    with pytest.raises(ValueError, match='above 0'):
        check_number('x', 0, 0, open_low=True)


@pytest.mark.parametrize('value', [0, 1.0, '3', True])
def test_no_whole_number(value):
    with pytest.raises(ValueError, match='whole number of at least 1'):
        check_number('x', value, 1, whole=True)


def test_an_interval_is_a_tuple():
    assert check_interval('x', [0, 2], 0) == (0, 2)


@pytest.mark.parametrize('value', [(2, 1), (-1, 1), (1, ), 1, 'ab', (0, nan)])
def test_no_interval(value):
    with pytest.raises(ValueError, match=r'x=.*0 <= min <= max'):
        check_interval('x', value, 0)


def test_a_choice():
    assert check_choice('x', 'a', ('a', 'b')) == 'a'
    with pytest.raises(ValueError, match="x='c'.*'a', 'b'"):
        check_choice('x', 'c', ('a', 'b'))


def test_near_words_whatever_their_case():
    names = ('SegDataPreProcessor', 'IoUMetric')
    assert near('ioumetric', names) == ['IoUMetric']
    assert 'IoUMetric' in did_you_mean('IouMetrc', names)
    assert did_you_mean('zzz', names, listed=False) == ''
    assert 'there are' in did_you_mean('zzz', names)
