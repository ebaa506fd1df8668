# Copyright (c) prcl_mmseg authors. All rights reserved.
import copy
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Optional

import pytest
import tiny
import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import nn

from prcl_mmseg.models.decode_heads.feature_layer import (default_layer,
                                                          input_channels,
                                                          recording,
                                                          remember_input)

SIZE = (40, 56)


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


def hooked(head: nn.Module, layer: Optional[str] = None) -> nn.Module:
    layer = default_layer(head) if layer is None else layer
    head.get_submodule(layer).register_forward_pre_hook(remember_input)
    return head


def test_tokens_are_laid_out_like_the_image():
    head = hooked(MODELS.build(tiny.segmenter_head()))
    layer = default_layer(head)
    assert (layer, input_channels(head, layer)) == ('patch_proj', 12)
    seen = []
    handle = head.decoder_norm.register_forward_hook(
        lambda _, args, output: seen.append(output))
    with recording(layer) as recorded:
        logits = head(features())
    handle.remove()
    feature = recorded.feature(SIZE)
    assert feature.shape == (2, 12, 5, 7)
    assert logits.shape == (2, 3, 5, 7)
    # Row 2, column 3 of the map is token 2·7 + 3 of the decoder.
    torch.testing.assert_close(feature[:, :, 2, 3], seen[0][:, 2 * 7 + 3])


def test_a_head_with_a_classifier_of_its_own():
    head = hooked(own_head())
    assert default_layer(head) == 'classify'
    assert input_channels(head, 'classify') == 8
    with recording('classify') as recorded:
        head(features())
    assert recorded.feature(SIZE).shape == (2, 8, 5, 7)


def test_a_head_without_a_known_classifier_asks_for_a_layer():
    head = own_head()
    head.classify = nn.Identity()
    with pytest.raises(ValueError) as error:
        default_layer(head)
    for part in ('OwnClassifierHead', 'contrast.head.feature_layer', 'mix'):
        assert part in str(error.value)


def test_a_layer_that_does_not_run_is_named():
    head = hooked(own_head(), 'spare')
    with recording('spare') as recorded:
        head(features())
    with pytest.raises(
            RuntimeError, match="head.feature_layer='spare'.*does not run"):
        recorded.feature(SIZE)


def test_what_is_no_map_is_named():
    # Sees the class tokens, too, so there is no pixel for each token.
    head = hooked(MODELS.build(tiny.segmenter_head()), 'layers.0')
    with recording('layers.0') as recorded:
        head(features())
    with pytest.raises(
            RuntimeError,
            match=r"head.feature_layer='layers.0'.*\(2, 38, 12\)"):
        recorded.feature(SIZE)


def test_recording_ends_with_the_pass():
    head, (first, other) = hooked(own_head()), (features(), features())
    with recording('classify') as recorded:
        head(first)
    before = recorded.feature(SIZE)
    head(other)
    assert recorded.feature(SIZE) is before
    torch.testing.assert_close(before, head.mix(first[1]))


def test_recording_ends_with_an_error():
    head = hooked(own_head())
    with pytest.raises(KeyError), recording('classify') as recorded:
        raise KeyError
    head(features())
    assert recorded.input is None


def test_a_pass_within_a_pass_has_its_own_recording():
    head, inputs = hooked(own_head()), [features() for _ in range(3)]
    with recording('classify') as outer:
        head(inputs[0])
        with recording('classify') as inner:
            head(inputs[1])
        torch.testing.assert_close(
            outer.feature(SIZE), head.mix(inputs[0][1]))
        head(inputs[2])
    torch.testing.assert_close(inner.feature(SIZE), head.mix(inputs[1][1]))
    torch.testing.assert_close(outer.feature(SIZE), head.mix(inputs[2][1]))


def test_threads_record_their_own_passes():
    """Three at a time, one of which does not record."""
    head, inputs = hooked(own_head()).eval(), [features() for _ in range(3)]
    start, end = Barrier(3, timeout=30), Barrier(3, timeout=30)

    def run(number: int) -> Optional[torch.Tensor]:
        if number == 2:
            start.wait()
            head(inputs[number])
            end.wait()
            return None
        with recording('classify') as recorded:
            start.wait()
            head(inputs[number])
            end.wait()
            return recorded.feature(SIZE)

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(run, range(3)))
    for number in range(2):
        torch.testing.assert_close(results[number],
                                   head.mix(inputs[number][1]))


def test_a_copy_of_the_head_records_as_well():
    head = hooked(own_head())
    twin = copy.deepcopy(head)
    with torch.no_grad():
        twin.mix.weight.neg_()
    inputs = features()
    with recording('classify') as recorded:
        twin(inputs)
    torch.testing.assert_close(recorded.feature(SIZE), twin.mix(inputs[1]))
