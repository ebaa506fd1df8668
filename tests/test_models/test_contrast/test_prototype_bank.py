# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch

from prcl_mmseg.gaussian import DiagonalGaussian
from prcl_mmseg.models import ClassEvidence, PrototypeBank


@pytest.fixture
def pixels() -> DiagonalGaussian:
    generator = torch.Generator().manual_seed(0)
    return DiagonalGaussian(
        torch.randn(40, 6, generator=generator),
        torch.rand(40, 6, generator=generator) + 0.1)


@pytest.fixture
def label() -> torch.Tensor:
    # Class 3 never occurs.
    return torch.arange(40) % 3


def evidence_of(pixels, label, valid=None) -> ClassEvidence:
    valid = torch.ones_like(label).bool() if valid is None else valid
    return ClassEvidence.from_pixels(pixels, label, valid, num_classes=4)


def test_posterior_is_the_fusion_of_the_valid_pixels(pixels, label):
    valid = torch.arange(40) % 5 > 0
    label = label.where(valid, 255)
    evidence = evidence_of(pixels, label, valid)
    prototypes = evidence.prototypes('posterior', min_var=0)
    for number in range(3):
        fused = pixels[label == number].fuse(0)
        torch.testing.assert_close(prototypes.mean[number], fused.mean)
        torch.testing.assert_close(prototypes.var[number], fused.var)
    assert evidence.present.tolist() == [True, True, True, False]
    assert evidence.count[:3].sum() == valid.sum()


def test_mean_precision_is_the_variance_of_a_typical_pixel(label):
    pixels = DiagonalGaussian(torch.randn(40, 6), torch.full((40, 6), 0.3))
    prototypes = evidence_of(pixels, label).prototypes('mean_precision')
    torch.testing.assert_close(prototypes.var[:3], torch.full((3, 6), 0.3))


def test_absent_class_is_finite(pixels, label):
    for variance in ('posterior', 'mean_precision'):
        prototypes = evidence_of(pixels, label).prototypes(variance)
        assert prototypes.mean[3].eq(0).all() and prototypes.var[3].eq(1).all()


def test_unknown_variance_is_named(pixels, label):
    with pytest.raises(ValueError, match="prototype_variance='median'"):
        evidence_of(pixels, label).prototypes('median')


def test_evidence_of_parts_adds_up(pixels, label):
    first = evidence_of(pixels[:17], label[:17])
    second = evidence_of(pixels[17:], label[17:])
    total = first.add(second, keep=1)
    whole = evidence_of(pixels, label)
    torch.testing.assert_close(total.precision, whole.precision)
    torch.testing.assert_close(total.information, whole.information)
    torch.testing.assert_close(total.count, whole.count)


def test_bank_forgets_only_classes_with_new_evidence(pixels, label):
    bank = PrototypeBank(4, 6, forgetting=0.5)
    old = evidence_of(pixels, label)
    bank.collect(old)
    bank.commit()
    new = evidence_of(pixels, label, valid=label == 1)
    bank.collect(new)
    bank.commit()
    torch.testing.assert_close(bank.count[1], 1.5 * old.count[1])
    torch.testing.assert_close(bank.precision[1], 1.5 * old.precision[1])
    torch.testing.assert_close(bank.precision[0], old.precision[0])
    assert bank.seen.tolist() == [True, True, True, False]


def test_bank_without_forgetting_fuses_all(pixels, label):
    bank = PrototypeBank(4, 6, forgetting=0, min_var=0)
    for part in (slice(0, 10), slice(10, 40)):
        bank.collect(evidence_of(pixels[part], label[part]))
        bank.commit()
    prototypes = bank.prototypes('posterior')
    fused = pixels[label == 2].fuse(0)
    torch.testing.assert_close(prototypes.mean[2], fused.mean)
    torch.testing.assert_close(prototypes.var[2], fused.var)


def test_variance_has_a_floor(label):
    pixels = DiagonalGaussian(torch.randn(40, 6), torch.full((40, 6), 1e-6))
    bank = PrototypeBank(4, 6, min_var=0.01)
    bank.collect(evidence_of(pixels, label))
    bank.commit()
    assert bank.prototypes('posterior').var[:3].eq(0.01).all()


def test_preview_is_the_bank_after_the_commit(pixels, label):
    bank = PrototypeBank(4, 6)
    evidence = evidence_of(pixels, label)
    preview = bank.preview(evidence)
    assert not bank.seen.any()
    bank.collect(evidence)
    bank.commit()
    torch.testing.assert_close(preview.precision, bank.precision)


def test_accumulated_passes_are_committed_as_one_batch(pixels, label):
    parts, whole = PrototypeBank(4, 6), PrototypeBank(4, 6)
    for bank in (parts, whole):
        bank.collect(evidence_of(pixels, label))
        bank.commit()
    for part in (slice(0, 15), slice(15, 40)):
        parts.collect(evidence_of(pixels[part], label[part]))
    whole.collect(evidence_of(pixels, label))
    parts.commit()
    whole.commit()
    torch.testing.assert_close(parts.precision, whole.precision)


def test_commit_without_evidence_changes_nothing(pixels, label):
    bank = PrototypeBank(4, 6)
    bank.collect(evidence_of(pixels, label))
    bank.commit()
    before = bank.precision.clone()
    bank.commit()
    assert bank.precision.equal(before)


def test_bank_is_in_the_state_dict(pixels, label):
    bank, other = PrototypeBank(4, 6), PrototypeBank(4, 6)
    bank.collect(evidence_of(pixels, label))
    bank.commit()
    other.load_state_dict(bank.state_dict())
    assert other.prototypes().mean.equal(bank.prototypes().mean)


def test_bad_forgetting_is_named():
    with pytest.raises(ValueError, match='contrast.bank.forgetting=2'):
        PrototypeBank(4, 6, forgetting=2)


def test_mean_precision_is_the_harmonic_mean_of_the_variances(pixels, label):
    prototypes = evidence_of(pixels, label).prototypes('mean_precision')
    posterior = evidence_of(pixels, label).prototypes('posterior')
    for number in range(3):
        var = pixels.var[label == number]
        torch.testing.assert_close(prototypes.var[number],
                                   1 / (1 / var).mean(0))
    assert prototypes.mean.equal(posterior.mean)


def test_floor_holds_for_either_variance(pixels, label):
    evidence = evidence_of(pixels, label)
    for variance in ('posterior', 'mean_precision'):
        free = evidence.prototypes(variance, min_var=0)
        floor = float(free.var[:3].median())
        held = evidence.prototypes(variance, min_var=floor)
        torch.testing.assert_close(held.var, free.var.clamp(min=floor))
        assert held.mean.equal(free.mean)


def test_full_forgetting_keeps_the_last_step_only(pixels, label):
    bank = PrototypeBank(4, 6, forgetting=1)
    bank.collect(evidence_of(pixels, label))
    bank.commit()
    last = evidence_of(pixels[:10], label[:10])
    bank.collect(last)
    bank.commit()
    torch.testing.assert_close(bank.precision, last.precision)
    torch.testing.assert_close(bank.information, last.information)
    torch.testing.assert_close(bank.count, last.count)


def test_forgetting_bounds_what_the_bank_holds():
    """A geometric series: count → N / forgetting, so σ² does not vanish."""
    pixels = DiagonalGaussian(torch.ones(5, 2), torch.full((5, 2), 0.5))
    bank = PrototypeBank(1, 2, forgetting=0.1)
    evidence = ClassEvidence.from_pixels(pixels, torch.zeros(5).long(),
                                         torch.ones(5).bool(), 1)
    for _ in range(200):
        bank.collect(evidence)
        bank.commit()
    torch.testing.assert_close(bank.count, torch.tensor([50.]))
    torch.testing.assert_close(
        bank.prototypes('posterior').var, torch.full((1, 2), 0.01))
    torch.testing.assert_close(
        bank.prototypes('mean_precision').var, torch.full((1, 2), 0.5))


def test_what_was_collected_counts_from_the_commit_on(pixels, label):
    bank = PrototypeBank(4, 6)
    bank.collect(evidence_of(pixels, label))
    assert not bank.seen.any() and bank.precision.eq(0).all()
    bank.commit()
    assert bank.seen.tolist() == [True, True, True, False]


def test_one_process_reduces_to_itself(pixels, label):
    evidence = evidence_of(pixels, label)
    reduced = evidence.all_reduce()
    assert reduced.precision.equal(evidence.precision)
    assert reduced.information.equal(evidence.information)
    assert reduced.count.equal(evidence.count)


def test_bank_follows_the_model(pixels, label):
    bank = torch.nn.ModuleList([PrototypeBank(4, 6)]).double()[0]
    evidence = ClassEvidence.from_pixels(
        DiagonalGaussian(pixels.mean.double(), pixels.var.double()), label,
        torch.ones(40).bool(), 4)
    bank.collect(evidence)
    bank.commit()
    assert bank.prototypes().mean.dtype == torch.float64
    assert set(bank.state_dict()) == {'precision', 'information', 'count'}


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_evidence_that_is_not_finite_is_never_committed(value):
    bank = PrototypeBank(2, 3)
    one = torch.ones(2, 3)
    bank.collect(ClassEvidence(one, one, torch.ones(2)))
    bank.commit()
    faulty = torch.tensor([[1., 1., value], [1., 1., 1.]])
    bank.collect(ClassEvidence(one, faulty, torch.ones(2)))
    bank.commit()
    assert bank.information[0].tolist() == [1, 1, 1]
    assert (bank.information[1] > 1).all()
    assert bank.count.isfinite().all()


def test_discarded_evidence_is_not_committed():
    bank = PrototypeBank(2, 3)
    bank.collect(ClassEvidence(torch.ones(2, 3), torch.ones(2, 3),
                               torch.ones(2)))
    bank.discard()
    bank.commit()
    assert not bank.seen.any()
