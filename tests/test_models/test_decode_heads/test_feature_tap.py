# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import tiny
import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import nn

from prcl_mmseg.models.decode_heads.feature_tap import (FeatureTap,
                                                        default_layer)


class OwnClassifierHead(BaseDecodeHead):
    """A head that classifies with a layer of another name."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        del self.conv_seg
        self.mix = nn.Conv2d(self.in_channels, self.channels, 3, padding=1)
        self.classify = nn.Conv2d(self.channels, self.out_channels, 1)
        self.spare = nn.Linear(self.channels, self.channels)

    def forward(self, inputs):
        return self.classify(self.mix(self._transform_inputs(inputs)))


def own_head() -> OwnClassifierHead:
    return OwnClassifierHead(
        in_channels=16, channels=8, num_classes=3, in_index=1)


def features() -> list:
    return [torch.randn(2, 8, 10, 14), torch.randn(2, 16, 5, 7)]


def test_tokens_are_laid_out_like_the_logits():
    head = MODELS.build(tiny.segmenter_head())
    tap = FeatureTap(head)
    assert (tap.layer, tap.in_channels) == ('patch_proj', 12)
    seen = []
    handle = head.decoder_norm.register_forward_hook(
        lambda _, args, output: seen.append(output))
    with tap.record(head) as recording:
        logits = head(features())
    handle.remove()
    feature = recording.feature()
    assert feature.shape == (2, 12, 5, 7)
    assert logits.shape == (2, 3, 5, 7)
    # Row 2, column 3 of the map is token 2·7 + 3 of the decoder.
    torch.testing.assert_close(feature[:, :, 2, 3], seen[0][:, 2 * 7 + 3])


def test_a_head_with_a_classifier_of_its_own():
    head = own_head()
    assert default_layer(head) == 'classify'
    with FeatureTap(head).record(head) as recording:
        head(features())
    assert recording.feature().shape == (2, 8, 5, 7)


def test_a_head_without_a_known_classifier_asks_for_a_layer():
    head = own_head()
    head.classify = nn.Identity()
    with pytest.raises(ValueError) as error:
        default_layer(head)
    for part in ('OwnClassifierHead', 'probabilistic_head.tap', 'mix'):
        assert part in str(error.value)


def test_a_layer_that_does_not_run_is_named():
    head = own_head()
    with FeatureTap(head, 'spare').record(head) as recording:
        head(features())
    with pytest.raises(RuntimeError, match="tap='spare'.*does not run"):
        recording.feature()


def test_what_is_no_map_is_named():
    head = MODELS.build(tiny.segmenter_head())
    # Sees the class tokens, too, so there is no pixel for each token.
    with FeatureTap(head, 'layers.0').record(head) as recording:
        head(features())
    with pytest.raises(RuntimeError, match=r"tap='layers.0'.*\(2, 38, 12\)"):
        recording.feature()


def test_recording_ends_with_the_pass():
    head = own_head()
    with FeatureTap(head).record(head) as recording:
        head(features())
    head(features())
    assert len(recording.inputs) == len(recording.outputs) == 1
