# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch

from prcl_mmseg.models.structures import ClassSums, sum_by_class


def test_sums_are_those_of_all_steps_since_the_last_reading():
    sums = ClassSums()
    assert sums.read() == {}
    for count in (1., 2.):
        sums.add(anchors=torch.tensor([count, 0, 5]))
    label = torch.tensor([0, 2, 2, 3, 255, -1])
    values = torch.tensor([0.5, 1, 2, 10, 10, 10])
    sums.add(
        pixels=sum_by_class(label, 3), variance=sum_by_class(label, 3, values))
    totals = sums.read()
    assert totals['anchors'].tolist() == [3, 0, 10]
    assert totals['pixels'].tolist() == [1, 0, 2]
    assert totals['variance'].tolist() == [0.5, 0, 3]
    assert sums.read() == {}


def test_a_reading_stays_as_it_was():
    sums = ClassSums()
    sums.add(pixels=torch.ones(2))
    totals = sums.read()
    sums.add(pixels=torch.ones(2))
    assert totals['pixels'].tolist() == [1, 1]
    assert sums.read()['pixels'].tolist() == [1, 1]


def test_what_was_added_may_change_afterwards():
    sums, values = ClassSums(), torch.ones(3)
    sums.add(pixels=values)
    values += 7
    sums.add(pixels=values)
    assert sums.read()['pixels'].tolist() == [9, 9, 9]


@pytest.mark.parametrize('dtype', (torch.int64, torch.float16, torch.float64))
def test_sums_are_fp32_and_keep_no_graph(dtype):
    values = torch.ones(3, dtype=dtype)
    if dtype != torch.int64:
        values.requires_grad_()
    sums = ClassSums()
    # In half precision, the last of these would be lost.
    for _ in range(2049):
        sums.add(pixels=values)
    total = sums.read()['pixels']
    assert total.dtype == torch.float32 and not total.requires_grad
    assert total.tolist() == [2049] * 3


@pytest.mark.parametrize('shape', ((7, ), (2, 5, 6), (0, )))
def test_pixels_are_counted_by_class(shape):
    label = torch.randint(-1, 7, shape)
    label[label == 6] = 255
    values = torch.randn(shape, requires_grad=True)
    count, total = sum_by_class(label, 5), sum_by_class(label, 5, values)
    assert count.shape == total.shape == (5, )
    assert count.dtype == torch.float32 and not total.requires_grad
    for number in range(5):
        chosen = values[label == number]
        assert count[number] == chosen.numel()
        torch.testing.assert_close(total[number], chosen.sum().detach())
