# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, Optional, Tuple

from torch import Tensor, nn

from ..gaussian import DiagonalGaussian
from ..models.contrast import PrototypeContrast
from ..models.terms import Term


class ClassPosterior(Term):
    """Adds what the prototypes say of every class to predictions.

    It comes out of the same forward pass as the prediction, sliding windows
    included, as one map for each class.

    Args:
        contrast (PrototypeContrast): Has the prototypes.
    """

    def __init__(self, contrast: PrototypeContrast) -> None:
        super().__init__(contrast.num_classes)
        # In a tuple, so that its weights do not become those of two terms.
        self._contrast = (contrast, )
        self.map_names = tuple(
            f'class_posterior_{index}' for index in range(self.num_classes))

    def forward(self, *_) -> Dict[str, Tensor]:
        """Nothing to learn."""
        return {}

    def maps(self, seg_logits: Tensor,
             embedding: Optional[DiagonalGaussian]) -> Tensor:
        """Probabilities of the classes, (N, C, H, W)."""
        return self._contrast[0].log_posterior(
            embedding, tuple(seg_logits.shape[2:])).exp()


def add_class_posterior(model: nn.Module) -> Tuple[str, ...]:
    """Let a model predict the posterior of all classes, if it has prototypes.

    Args:
        model (nn.Module): Any segmentor. Its terms gain one.

    Returns:
        tuple[str]: Names of the maps; none without prototypes.
    """
    for term in list(getattr(model, 'terms', {}).values()):
        if isinstance(term, PrototypeContrast):
            model.terms['class_posterior'] = ClassPosterior(term)
            return model.terms['class_posterior'].map_names
    return ()
