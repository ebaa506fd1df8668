# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch
from mmseg.registry import MODELS


@pytest.mark.parametrize('readout_type', ['ignore', 'add', 'project'])
def test_dpt_takes_plain_feature_maps(readout_type):
    neck = MODELS.build(dict(type='ReadoutNeck'))
    head = MODELS.build(
        dict(
            type='DPTHead',
            in_channels=(8, ) * 4,
            in_index=(0, 1, 2, 3),
            input_transform='multiple_select',
            channels=8,
            embed_dims=8,
            post_process_channels=[4, 4, 8, 8],
            readout_type=readout_type,
            num_classes=3))
    # Three images: DPTHead would take two for a map and its token.
    maps = [torch.randn(3, 8, 4, 6) for _ in range(4)]
    pairs = neck(maps)
    for (feature, token), expected in zip(pairs, maps):
        assert feature is expected
        torch.testing.assert_close(token[2, 5], expected[2, 5].mean())
    assert head(pairs).shape[:2] == (3, 3)
