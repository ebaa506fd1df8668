# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, Optional, Tuple

import torch
import torch.nn.functional as F
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...gaussian import DiagonalGaussian
from ...value_check import check_number
from ..decode_heads import embedding_head
from ..structures import NetworkOutput, View, as_multiclass, image_slices
from .term import Term


@MODELS.register_module()
class ViewVariance(Term):
    r"""A σ² that says how often another view of a pixel contradicts its label.

    With :math:`e_y` the one-hot vector of class y, ŷ the label that the
    labelling network gives to a pixel x of the weak image, and :math:`y_v`
    drawn from what the student says of the same pixel in the view v,

    .. math::
        \sigma^2(x) = E_v\big[\tfrac12 \| e_{\hat y} - e_{y_v} \|^2\big]
                    = E_v\big[1 - p_v(\hat y)\big] \in [0, 1]

    is the expected squared disagreement of two views, and a probability. A
    small network estimates it from the softmax and the embedding of the weak
    image, under the binary cross-entropy, whose minimum is this expectation.
    So it can be checked: among pixels with the same σ², that share of other
    views should disagree.

    Its inputs and targets carry no gradient: the term changes nothing else
    that is learnt, unless gradients are clipped by their joint norm. It goes
    with every strategy that labels a weak view. Predictions carry
    ``pred_view_variance``.

    Args:
        num_classes (int): Number of classes C; given by the segmentor.
        channels (int): Width of the two hidden layers. Defaults to 64.
        stride (int): Stride, in pixels, of the pixels of views that it learns
            from and, where there is no embedding, of its inputs.
            Defaults to 4.

    Raises:
        ValueError: For a number that is not positive.
    """

    carries = True
    map_names = ('pred_view_variance', )

    def __init__(self,
                 num_classes: int,
                 channels: int = 64,
                 stride: int = 4) -> None:
        super().__init__(num_classes)
        self.stride = check_number(
            'ViewVariance.stride', stride, 1, whole=True)
        self.channels = check_number(
            'ViewVariance.channels', channels, 1, whole=True)
        self._weak: Optional[Tensor] = None

    def attach(self, network: nn.Module) -> None:
        """Make the estimator for what the network gives."""
        head = embedding_head(network)
        inputs = max(self.num_classes, 2)
        if head is not None:
            inputs += 2 * head.embed_dims
        self.estimator = nn.Sequential(
            nn.Conv2d(inputs, self.channels, 1), nn.ReLU(),
            nn.Conv2d(self.channels, self.channels, 1), nn.ReLU(),
            nn.Conv2d(self.channels, 1, 1))

    def weak_maps(self, seg_logits: Tensor,
                  embedding: Optional[DiagonalGaussian]) -> Dict[str, Tensor]:
        """Which pixel of the weak inputs each pixel of a view shows."""
        self._weak = self._inputs(seg_logits, embedding)
        num, _, height, width = self._weak.shape
        rows, columns = (
            torch.arange(side, device=seg_logits.device) * few // side
            for side, few in zip(seg_logits.shape[2:], (height, width)))
        place = rows[:, None] * width + columns
        image = torch.arange(num, device=place.device)[:, None, None]
        # Two small numbers: warping, which is in fp32, rounds large ones.
        origin = torch.broadcast_tensors(image, place)
        return dict(origin=torch.stack(origin, 1))

    def forward(self, output: NetworkOutput, views: Dict[str, View],
                losses: Dict[str, Tensor]) -> Dict[str, Tensor]:
        """The cross-entropy of expected and seen disagreement."""
        log_odds, seen, valid = self.compare(output, views)
        self._weak = None
        num_valid = valid.sum().clamp(min=1)
        loss = F.binary_cross_entropy_with_logits(
            log_odds, seen, valid.float(), reduction='sum') / num_valid
        return dict(
            loss_view_variance=loss,
            view_disagreement=(seen * valid).sum() / num_valid)

    def compare(self, output: NetworkOutput,
                views: Dict[str, View]) -> Tuple[Tensor, Tensor, Tensor]:
        """Expected and seen disagreement of the pixels of all views.

        Args:
            output (NetworkOutput): Of the student.
            views (dict[str, View]): Those of the step whose weak images were
                labelled last.

        Returns:
            tuple[Tensor, Tensor, Tensor]: Of every ``stride``-th pixel the
            log odds of σ², 1 - p(ŷ), and whether it has a label; all (P,).
        """
        carried = [name for name in views if 'origin' in views[name].maps]
        if not carried:
            # Attached to the graph, as processes with views expect it.
            nothing = sum(value.sum() for value in self.parameters()).expand(0)
            return nothing, nothing.detach(), nothing > 0
        log_odds = self._log_odds(self._weak).flatten(1)
        images = image_slices(views)
        parts = []
        for name in carried:
            view = views[name]
            grid = (..., *(slice(self.stride // 2, None, self.stride), ) * 2)
            valid = view.labeled[grid]
            # What has no label may have no origin.
            origin = view.maps['origin'][grid].where(valid[:, None], 0)
            disagreement = self._disagreement(output, view, images[name],
                                              grid)
            parts.append((log_odds[tuple(origin.unbind(1))], disagreement,
                          valid))
        expected, seen, valid = (
            torch.cat([part.flatten() for part in each])
            for each in zip(*parts))
        return expected, seen, valid

    def maps(self, seg_logits: Tensor,
             embedding: Optional[DiagonalGaussian]) -> Tensor:
        """σ² of each pixel, (N, 1, H, W)."""
        log_odds = self._log_odds(self._inputs(seg_logits, embedding))
        return resize(
            log_odds, size=seg_logits.shape[2:], mode='bilinear').sigmoid()

    def confidence(self, seg_logits: Tensor,
                   embedding: Optional[DiagonalGaussian],
                   label: Tensor) -> Tensor:
        """1 - σ²: how probably another view agrees, (N, H, W)."""
        return 1 - self.maps(seg_logits, embedding)[:, 0]

    def _log_odds(self, inputs: Tensor) -> Tensor:
        """Of another view to disagree, (N, 1, h, w), fp32."""
        with torch.autocast(inputs.device.type, enabled=False):
            return self.estimator(inputs)

    @torch.no_grad()
    def _inputs(self, seg_logits: Tensor,
                embedding: Optional[DiagonalGaussian]) -> Tensor:
        """What the labelling network says, (N, K, h, w), fp32."""
        # Bounded, where early logits may be anything.
        prob = as_multiclass(seg_logits).softmax(dim=1)
        if embedding is None:
            size = [-(-side // self.stride) for side in prob.shape[2:]]
            return F.adaptive_avg_pool2d(prob, size)
        size = embedding.mean.shape[2:]
        return torch.cat([
            F.adaptive_avg_pool2d(prob, size),
            F.normalize(embedding.mean.float(), dim=1),
            embedding.var.float().log()
        ], 1)

    @torch.no_grad()
    def _disagreement(self, output: NetworkOutput, view: View,
                      images: slice, grid: tuple) -> Tensor:
        """1 - p(ŷ) of what the student says of a view, at pixels of a grid."""
        seg_logits = output.logits_at(view.label.shape[1:], [images])[grid]
        label = view.label.where(view.labeled, 0)[grid]
        return 1 - F.cross_entropy(
            seg_logits, label, reduction='none').neg().exp()
