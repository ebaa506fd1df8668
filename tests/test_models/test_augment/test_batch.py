# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch


def test_replace_keeps_the_original(batch):
    label = torch.zeros_like(batch.label)
    other = batch.replace(label=label)
    assert other.label is label and other.image is batch.image
    assert batch.label is not label


@pytest.mark.parametrize('channels', (1, 3, 5))
def test_check_accepts_any_channel_count(make_batch, channels):
    batch = make_batch(channels=channels)
    batch.check()
    batch.replace(mean=batch.mean[:1], std=batch.std[:1]).check()


@pytest.mark.parametrize(('field', 'change'), (
    ('image', lambda x: x[0]),
    ('image', lambda x: x.to(torch.uint8)),
    ('label', lambda x: x[:, None]),
    ('label', lambda x: x.float()),
    ('label', lambda x: x.int()),
    ('confidence', lambda x: x[..., 1:]),
    ('confidence', lambda x: x.long()),
    ('mean', lambda x: x.flatten()),
    ('std', lambda x: x[:2]),
    ('mean', lambda x: x.to('meta')),
))
def test_check_names_the_bad_field(batch, field, change):
    bad = batch.replace(**{field: change(getattr(batch, field))})
    with pytest.raises(ValueError, match=rf'PseudoLabeledBatch\.{field} '):
        bad.check()
