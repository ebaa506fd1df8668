# Copyright (c) prcl_mmseg authors. All rights reserved.
from dataclasses import dataclass

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from ...gaussian import DiagonalGaussian
from .device_amount import device_amount

# Pixels summed at a time: temporaries that stay in a CPU's cache or need few
# kernels on a GPU, and partial sums that keep fp32 exact.
_CHUNK = dict(cpu=2**12, accelerator=2**15)


@dataclass(frozen=True)
class ClassEvidence:
    """What the pixels of each class say, in natural parameters.

    Fusing Gaussians (equations 2 to 5) is a sum of these, so evidence from
    images, steps and processes adds up exactly, and nothing larger than
    ``2·C·D + C`` numbers has to travel.

    Args:
        precision (Tensor): Λ = Σ 1/σ², of shape (C, D).
        information (Tensor): η = Σ μ/σ², of shape (C, D).
        count (Tensor): Number of pixels, of shape (C,); a float, since
            forgetting makes it fractional.
    """

    precision: Tensor
    information: Tensor
    count: Tensor

    @classmethod
    @torch.no_grad()
    def from_pixels(cls, pixels: DiagonalGaussian, label: Tensor,
                    valid: Tensor, num_classes: int) -> 'ClassEvidence':
        """Sum the pixels of each class in one pass, without gradient.

        Args:
            pixels (DiagonalGaussian): P pixels, (P, D).
            label (Tensor): Class of each pixel, (P,), read where valid.
            valid (Tensor): Which pixels count, bool of shape (P,).
            num_classes (int): Number of classes C.
        """
        label = label.where(valid, num_classes)
        count = pixels.mean.new_zeros(num_classes + 1)
        count.index_add_(0, label, torch.ones_like(pixels.mean[:, 0]))
        # Λ and η; the last row takes the pixels that do not count.
        total = count.new_zeros(2, num_classes + 1, pixels.mean.shape[1])
        amount = device_amount(_CHUNK, label)
        for start in range(0, len(label), amount):
            chunk = slice(start, start + amount)
            part = torch.zeros_like(total)
            precision = pixels[chunk].precision
            part[0].index_add_(0, label[chunk], precision)
            precision.mul_(pixels.mean[chunk])
            part[1].index_add_(0, label[chunk], precision)
            total += part
        precision, information = total[:, :-1]
        return cls(precision, information, count[:-1])

    @property
    def present(self) -> Tensor:
        """Which classes have evidence, bool of shape (C,)."""
        return self.count > 0

    def all_reduce(self) -> 'ClassEvidence':
        """The sum over all processes; every process must call it."""
        packed = torch.cat(
            [self.precision, self.information, self.count[:, None]], dim=1)
        all_reduce(packed)
        dims = self.precision.shape[1]
        precision, information, count = packed.split([dims, dims, 1], dim=1)
        return ClassEvidence(precision, information, count[:, 0])

    def add(self, other: 'ClassEvidence', keep: float) -> 'ClassEvidence':
        """Fuse with newer evidence after forgetting a part of the old.

        A class that ``other`` does not show keeps all it has: being rare
        must not mean being forgotten.

        Args:
            other (ClassEvidence): The newer evidence.
            keep (float): Share of the old evidence that remains, in [0, 1].
        """
        kept = torch.where(other.present, keep, 1.0).to(self.count)
        return ClassEvidence(
            kept[:, None] * self.precision + other.precision,
            kept[:, None] * self.information + other.information,
            kept * self.count + other.count)

    def finite(self) -> 'ClassEvidence':
        """This without the classes that have NaN or infinite numbers."""
        numbers = self.precision + self.information + self.count[:, None]
        known = numbers.isfinite().all(dim=1)
        return ClassEvidence(
            self.precision.where(known[:, None], 0.0),
            self.information.where(known[:, None], 0.0),
            self.count.where(known, 0.0))

    def prototypes(self,
                   variance: str = 'mean_precision',
                   min_var: float = 1e-6) -> DiagonalGaussian:
        """Class prototypes as distributions, (C, D).

        Args:
            variance (str): 'posterior' is 1/Λ, equation (3): how well the
                mean is known. It shrinks as 1/N. 'mean_precision' is N/Λ:
                what one typical pixel of the class has, hence comparable
                with the pixels it is scored against.
                Defaults to 'mean_precision'.
            min_var (float): Floor of the variance σ². Defaults to 1e-6.

        Returns:
            DiagonalGaussian: A class without evidence gets mean 0 and
            variance 1; mask it by :attr:`present`.
        """
        present = self.present[:, None]
        precision = self.precision.where(present, 1.0)
        var = 1 / precision
        if variance == 'mean_precision':
            var = var * self.count[:, None].where(present, 1.0)
        elif variance != 'posterior':
            raise ValueError(
                f'prototype_variance={variance!r} is not known; use '
                "'posterior' or 'mean_precision'")
        return DiagonalGaussian(self.information / precision,
                                var.clamp(min=min_var))
