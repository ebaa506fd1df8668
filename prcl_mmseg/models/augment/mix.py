# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Optional, Tuple, Union

import torch
from mmseg.registry import MODELS

from ...value_check import check_number
from ..structures import IGNORE_INDEX, View
from .base import BatchTransform, choose_images
from .random_box import RandomBox


@MODELS.register_module()
class ClassMix(BatchTransform):
    """Paste half of the classes of each image over the next image.

    Of the n classes in the pseudo-label of image i, floor(n / 2) are chosen
    at random; their pixels replace those of image (i + 1) mod N, together
    with label and confidence. Ignored pixels are never pasted. Source:
    `ClassMix <https://arxiv.org/abs/2007.07936>`_.

    Args:
        prob (float): Probability that an image is pasted over.
            Defaults to 1.0.
    """

    mixes = True

    def __init__(self, prob: float = 1.0) -> None:
        super().__init__()
        self.prob = check_number('ClassMix.prob', prob, 0, 1)

    def transform(self, view: View) -> View:
        """Mix every image into the next one."""
        label = view.label.flatten(1)
        present = torch.zeros((label.size(0), IGNORE_INDEX + 1),
                              dtype=torch.bool,
                              device=label.device)
        present.scatter_(1, label, True)
        present[:, IGNORE_INDEX] = False
        num_chosen = present.sum(1, keepdim=True) // 2
        # Absent classes get a score above all others, so they rank last.
        score = torch.rand(present.shape, device=label.device)
        rank = score.masked_fill(~present, 2).argsort(1).argsort(1)
        chosen = rank < num_chosen
        mask = chosen.gather(1, label).view_as(view.label)
        return view.paste_over_next(mask, choose_images(view, self.prob))


@MODELS.register_module()
class CutMix(BatchTransform):
    """Paste a random box of each image over the next image.

    The box of image i replaces the same box of image (i + 1) mod N, together
    with label and confidence. Source:
    `CutMix <https://arxiv.org/abs/1905.04899>`_.

    Args:
        area (float | tuple[float, float]): Area of the box relative to the
            image, in (0, 1], or the range it is drawn from. UniMatch takes
            (0.02, 0.4). Defaults to 0.5, as published for PRCL.
        aspect (tuple[float, float], optional): Range of height/width, in
            which boxes that fit the image anywhere are drawn uniformly.
            UniMatch takes (0.3, 1/0.3). None treats height and width alike
            and takes any box that fits. Defaults to None.
        prob (float): Probability that an image is pasted over.
            Defaults to 1.0.
    """

    mixes = True

    def __init__(self,
                 area: Union[float, Tuple[float, float]] = 0.5,
                 aspect: Optional[Tuple[float, float]] = None,
                 prob: float = 1.0) -> None:
        super().__init__()
        self.box = RandomBox(self, area, aspect)
        self.prob = check_number('CutMix.prob', prob, 0, 1)

    def transform(self, view: View) -> View:
        """Mix every image into the next one."""
        return view.paste_over_next(
            self.box.draw(view), choose_images(view, self.prob))


@MODELS.register_module()
class CutOut(BatchTransform):
    """Turn a random box into padding: mean colour, label 255, confidence 0.

    Source: `Cutout <https://arxiv.org/abs/1708.04552>`_.

    Args:
        area (float | tuple[float, float]): See :class:`CutMix`.
        aspect (tuple[float, float], optional): See :class:`CutMix`.
        prob (float): Probability per image. Defaults to 1.0.
    """

    def __init__(self,
                 area: Union[float, Tuple[float, float]] = 0.5,
                 aspect: Optional[Tuple[float, float]] = None,
                 prob: float = 1.0) -> None:
        super().__init__()
        self.box = RandomBox(self, area, aspect)
        self.prob = check_number('CutOut.prob', prob, 0, 1)

    def transform(self, view: View) -> View:
        """Erase a box of the chosen images."""
        box = self.box.draw(view)
        return view.erase(box & choose_images(view, self.prob)[:, None, None])
