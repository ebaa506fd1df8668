# Copyright (c) prcl_mmseg authors. All rights reserved.
from math import log

import pytest
import torch

from prcl_mmseg.evaluation.augmentation_mean import AugmentationMean


def test_augmentations_that_agree_are_in_no_doubt_however_unsure():
    augmented = AugmentationMean()
    # Agreement on a doubt, full disagreement, and something between.
    first = torch.tensor([[[.5, 1., .8]], [[.5, 0., .2]]])
    assert torch.allclose(augmented.add(first.log()), first)
    augmented.add(torch.tensor([[[.5, 0., .4]], [[.5, 1., .6]]]).log())

    def entropy(p: float) -> float:
        return -p * log(p) - (1 - p) * log(1 - p)

    between = entropy(.6) - (entropy(.8) + entropy(.4)) / 2
    assert augmented.disagreement[0].tolist() == pytest.approx(
        [0, log(2), between], abs=1e-6)
    assert augmented.prob[:, 0, 2].tolist() == pytest.approx([.6, .4])


def test_a_one_channel_head_has_a_threshold_of_its_own():
    augmented = AugmentationMean()
    augmented.add(torch.tensor([[[.1, .5]]]))
    augmented.add(torch.tensor([[[.3, .5]]]))
    assert augmented.label(.3).tolist() == [[0, 1]]
    assert augmented.label(.1).tolist() == [[1, 1]]
