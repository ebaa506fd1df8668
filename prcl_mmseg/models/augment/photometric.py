# Copyright (c) prcl_mmseg authors. All rights reserved.
import math
from typing import Tuple

import torch
from kornia.color import rgb_to_grayscale
from kornia.enhance import (adjust_brightness_accumulative,
                            adjust_contrast_with_mean_subtraction, adjust_hue,
                            adjust_saturation_with_gray_subtraction)
from kornia.filters import filter2d_separable, get_gaussian_kernel1d
from mmseg.registry import MODELS
from torch import Tensor

from ...value_check import check_interval, check_number
from ..structures import View
from .base import BatchTransform, choose_images, draw_uniform


def _adjust_hue_turns(image: Tensor, turns: Tensor) -> Tensor:
    return adjust_hue(image, turns * (2 * math.pi))


@MODELS.register_module()
class ColorJitter(BatchTransform):
    """Change brightness, contrast, saturation and hue of RGB images.

    The four changes mean what they mean in torchvision: brightness multiplies
    the colour, contrast moves it away from the image's mean gray, saturation
    away from the pixel's gray, and hue turns it on the colour circle. The
    factors differ from image to image; the order is random for each batch.
    Images that do not have three channels are left as they are.

    Args:
        prob (float): Probability per image. Defaults to 0.8.
        brightness (tuple[float, float]): Range of the brightness factor,
            1 for no change. Defaults to (0.75, 1.25).
        contrast (tuple[float, float]): Range of the contrast factor, 1 for no
            change. Defaults to (0.75, 1.25).
        saturation (tuple[float, float]): Range of the saturation factor, 1
            for no change. Defaults to (0.75, 1.25).
        hue (tuple[float, float]): Range of the hue shift in turns, within
            [-0.5, 0.5], 0 for no change. Defaults to (-0.25, 0.25).
        max_value (float): Raw value of full intensity, beyond which colours
            are clipped: 255 for 8-bit images, 65535 for 16-bit ones.
            Defaults to 255.
    """

    def __init__(self,
                 prob: float = 0.8,
                 brightness: Tuple[float, float] = (0.75, 1.25),
                 contrast: Tuple[float, float] = (0.75, 1.25),
                 saturation: Tuple[float, float] = (0.75, 1.25),
                 hue: Tuple[float, float] = (-0.25, 0.25),
                 max_value: float = 255.) -> None:
        super().__init__()
        self.prob = check_number('ColorJitter.prob', prob, 0, 1)
        self.brightness = check_interval('ColorJitter.brightness', brightness,
                                         0)
        self.contrast = check_interval('ColorJitter.contrast', contrast, 0)
        self.saturation = check_interval('ColorJitter.saturation', saturation,
                                         0)
        self.hue = check_interval('ColorJitter.hue', hue, -0.5, 0.5)
        self.max_value = check_number(
            'ColorJitter.max_value', max_value, 0, open_low=True)

    def transform(self, view: View) -> View:
        """Change the colours of the chosen images."""
        if view.image.size(1) != 3:
            return view
        chosen = choose_images(view, self.prob)
        steps = (
            (adjust_brightness_accumulative, self.brightness),
            (adjust_contrast_with_mean_subtraction, self.contrast),
            (adjust_saturation_with_gray_subtraction, self.saturation),
            (_adjust_hue_turns, self.hue),
        )
        image = (view.image * view.std + view.mean) / self.max_value
        # Interpolation and rounding may have left the range by a hair, which
        # the conversion to hue does not tolerate.
        image = image.clamp(0, 1)
        for index in torch.randperm(len(steps)).tolist():
            adjust, limits = steps[index]
            image = adjust(image, draw_uniform(view, *limits))
        image = (image * self.max_value - view.mean) / view.std
        return view.replace(
            torch.where(chosen[:, None, None, None], image, view.image))


@MODELS.register_module()
class RandomGray(BatchTransform):
    """Turn RGB images gray with some probability; they keep three channels.

    The gray of a pixel is that of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B.
    Images that do not have three channels are left as they are.

    Args:
        prob (float): Probability per image. Defaults to 0.2.
    """

    def __init__(self, prob: float = 0.2) -> None:
        super().__init__()
        self.prob = check_number('RandomGray.prob', prob, 0, 1)

    def transform(self, view: View) -> View:
        """Turn the chosen images gray."""
        if view.image.size(1) != 3:
            return view
        chosen = choose_images(view, self.prob)
        gray = rgb_to_grayscale(view.image * view.std + view.mean)
        gray = (gray - view.mean) / view.std
        return view.replace(
            torch.where(chosen[:, None, None, None], gray, view.image))


@MODELS.register_module()
class GaussianBlur(BatchTransform):
    """Blur each image with some probability, for any number of channels.

    The kernel reaches at least three times the largest sigma to each side,
    and the image is continued by its border pixels.

    Args:
        prob (float): Probability per image. Defaults to 0.5.
        sigma (tuple[float, float]): Range of the standard deviation, in
            pixels. Defaults to (0.15, 1.15).
    """

    def __init__(self,
                 prob: float = 0.5,
                 sigma: Tuple[float, float] = (0.15, 1.15)) -> None:
        super().__init__()
        self.prob = check_number('GaussianBlur.prob', prob, 0, 1)
        self.sigma = check_interval(
            'GaussianBlur.sigma', sigma, 0, open_low=True)
        self.kernel_size = 2 * math.ceil(3 * self.sigma[1]) + 1

    def transform(self, view: View) -> View:
        """Blur the chosen images."""
        chosen = choose_images(view, self.prob)
        sigma = draw_uniform(view, *self.sigma)
        # Kornia's gaussian_blur2d would wait for the device to validate sigma.
        kernel = get_gaussian_kernel1d(self.kernel_size, sigma[:, None])
        # The weights sum to 1, so blurring commutes with the normalisation.
        image = filter2d_separable(
            view.image, kernel, kernel, border_type='replicate')
        return view.replace(
            torch.where(chosen[:, None, None, None], image, view.image))
