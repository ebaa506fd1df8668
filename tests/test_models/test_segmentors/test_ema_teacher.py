# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch
from mmengine.model import revert_sync_batchnorm
from torch import nn

from prcl_mmseg.models import EMATeacher


def make_student(norm=nn.BatchNorm2d) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), norm(4))


def change(student: nn.Module) -> None:
    """A training step's worth of change, of weights and statistics."""
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(1)
    student.train()
    dtype = next(student.parameters()).dtype
    student(torch.randn(2, 3, 5, 5, dtype=dtype))


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_momentum_follows_the_published_schedule(dtype):
    """Also after ``.to()``, which replaces the buffers."""
    student = make_student()
    teacher = EMATeacher(student)
    holder = nn.ModuleList([student, teacher]).to(dtype)
    student, teacher = holder
    expected = {
        name: value.clone()
        for name, value in student.state_dict().items()
    }
    for step in range(150):
        change(student)
        teacher.update_parameters(student)
        keep = min(1 - 1 / (step + 1), 0.99)
        for name, value in student.state_dict().items():
            if value.is_floating_point():
                expected[name] = keep * expected[name] + (1 - keep) * value
            else:
                expected[name] = value.clone()
    moved = teacher.module.state_dict()
    assert moved['1.num_batches_tracked'] == 150
    for name, value in expected.items():
        torch.testing.assert_close(moved[name], value, rtol=1e-4, atol=1e-5)


def test_it_moves_after_sync_bn_was_reverted():
    student = make_student(nn.SyncBatchNorm)
    holder = nn.ModuleList([student, EMATeacher(student)])
    student, teacher = revert_sync_batchnorm(holder)
    change(student)
    teacher.update_parameters(student)
    for name, value in student.state_dict().items():
        torch.testing.assert_close(teacher.module.state_dict()[name], value)


def test_steps_are_in_the_state_dict():
    student = make_student()
    teacher, resumed = EMATeacher(student), EMATeacher(student)
    for _ in range(3):
        change(student)
        teacher.update_parameters(student)
    resumed.load_state_dict(teacher.state_dict())
    change(student)
    for each in (teacher, resumed):
        each.update_parameters(student)
    for name, value in teacher.state_dict().items():
        assert value.equal(resumed.state_dict()[name]), name


def test_it_moves_after_the_tensors_were_replaced():
    """As a move to another device does."""
    student = make_student()
    teacher = EMATeacher(student)
    teacher.update_parameters(student)
    before = [value.clone() for value in teacher.module.parameters()]
    student, teacher = nn.ModuleList([student, teacher]).half().float()
    change(student)
    teacher.update_parameters(student)
    for old, new, target in zip(before, teacher.module.parameters(),
                                student.parameters()):
        torch.testing.assert_close(new, (old + target) / 2, rtol=0, atol=1e-3)


def test_it_starts_equal_and_learns_nothing_itself():
    student = make_student()
    teacher = EMATeacher(student)
    for name, value in student.state_dict().items():
        assert teacher.module.state_dict()[name].equal(value)
    assert not any(p.requires_grad for p in teacher.parameters())
    assert all(p.requires_grad for p in student.parameters())


def test_statistics_are_averaged_like_weights():
    student = make_student()
    teacher = EMATeacher(student, momentum=0.75)
    teacher.update_parameters(student)
    student[1].running_var.fill_(9.)
    student[1].num_batches_tracked.fill_(7)
    teacher.update_parameters(student)
    torch.testing.assert_close(teacher.module[1].running_var,
                               torch.full((4, ), 0.25 + 0.75 * 9))
    assert teacher.module[1].num_batches_tracked == 7


def test_steps_between_updates_leave_the_weights_alone():
    student = make_student()
    teacher = EMATeacher(student, interval=3)
    moved = []
    for _ in range(7):
        change(student)
        before = teacher.module[0].weight.clone()
        teacher.update_parameters(student)
        moved.append(not teacher.module[0].weight.equal(before))
    assert moved == [True, False, False, True, False, False, True]


def test_constants_outside_the_state_dict_stay():
    """Such as CLIP's mask: the average of two infinities would be NaN."""
    mask = torch.full((3, 3), -torch.inf).triu(1)
    student = nn.Linear(2, 2)
    student.register_buffer('mask', mask, persistent=False)
    teacher = EMATeacher(student)
    for _ in range(3):
        teacher.update_parameters(student)
    assert teacher.module.mask.equal(mask)


def test_shared_weights_move_once():
    student = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    student[1].weight = student[0].weight
    teacher = EMATeacher(student, momentum=0.25)
    teacher.update_parameters(student)
    with torch.no_grad():
        student[0].weight.add_(1)
    before = teacher.module[0].weight.clone()
    teacher.update_parameters(student)
    teacher.update_parameters(student)
    teacher.update_parameters(student)
    gap = (student[0].weight - teacher.module[0].weight).detach().mean()
    # Weights of the student are 1/2, 1/3, 1/4 in these steps.
    assert float(gap) == pytest.approx(1 / 2 * 2 / 3 * 3 / 4)
    assert not before.equal(teacher.module[0].weight)
    assert teacher.module[1].weight is teacher.module[0].weight
