# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Any, Dict

from mmengine.model import BaseModule
from mmseg.utils import SampleList
from torch import Tensor, nn

from ..structures import NetworkOutput, View


class Strategy(BaseModule):
    """How unlabelled images teach. This one leaves them out.

    A strategy makes views of the unlabelled images, with pseudo-labels and
    confidences, and adds the losses that the student has on them. To add one,
    register a subclass and name it in the config: ``model=dict(strategy=
    dict(type=...))``.
    """

    def check(self, model: nn.Module) -> None:
        """Raise ValueError if the model lacks what the strategy needs."""

    def make_views(self, model: nn.Module, images: Tensor,
                   data_samples: SampleList) -> Dict[str, View]:
        """The views of the unlabelled images that the student sees.

        Args:
            model (SemiSegmentor): Has the networks and terms.
            images (Tensor): Weakly augmented images, (N, C, H, W).
            data_samples (list[SegDataSample]): Of the images; no masks.
        """
        return {}

    def perturb(self, features: Any, views: Dict[str, View]) -> Any:
        """Change the features between the student's encoder and decoder.

        Args:
            features (Any): Tensors or a nest of them, of the images of all
                views in a row.
            views (dict[str, View]): 'labeled' and those of the strategy.
        """
        return features

    def weigh_supervised(self, losses: Dict[str, Tensor]
                         ) -> Dict[str, Tensor]:
        """The heads' losses on labelled images as they count here."""
        return losses

    def forward(self, output: NetworkOutput,
                views: Dict[str, View]) -> Dict[str, Tensor]:
        """Losses on the views of the unlabelled images.

        Args:
            output (NetworkOutput): Of the images of all views in a row.
            views (dict[str, View]): 'labeled', and those of the strategy if
                the batch has unlabelled images.
        """
        return {}
