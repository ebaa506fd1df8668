# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Optional

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...gaussian import DiagonalGaussian
from ...value_check import check_number
from .class_evidence import ClassEvidence


@MODELS.register_module()
class PrototypeBank(nn.Module):
    """Global distribution prototypes: class evidence over all of training.

    The bank holds the fused natural parameters of each class as buffers, so
    they follow the model to its device, checkpoint and resume. Without
    forgetting, the posterior variance falls towards 0 and the mean lags any
    drift of the network; hence the forgetting factor and the floor.

    Evidence goes in by two steps: :meth:`collect` during the forward pass,
    :meth:`commit` once the optimizer has stepped (``PrototypeBankHook``).

    Args:
        num_classes (int): Number of classes C.
        embed_dims (int): Embedding dimensions D.
        forgetting (float): Share of the old evidence of a class that is
            forgotten when new evidence of it is committed, in [0, 1]; 1 keeps
            the last step only, 0 is the plain fusion of arXiv 2402.18117.
            Defaults to 0.01.
        min_var (float): Floor of the variance σ² of prototypes made from
            the bank. Defaults to 1e-4.
    """

    def __init__(self,
                 num_classes: int,
                 embed_dims: int,
                 forgetting: float = 0.01,
                 min_var: float = 1e-4) -> None:
        super().__init__()
        self.forgetting = check_number('contrast.bank.forgetting', forgetting,
                                       0, 1)
        self.min_var = check_number('contrast.bank.min_var', min_var, 0)
        self.register_buffer('precision', torch.zeros(num_classes, embed_dims))
        self.register_buffer('information',
                             torch.zeros(num_classes, embed_dims))
        self.register_buffer('count', torch.zeros(num_classes))
        self._pending: Optional[ClassEvidence] = None

    @property
    def evidence(self) -> ClassEvidence:
        """The committed evidence."""
        return ClassEvidence(self.precision, self.information, self.count)

    @property
    def seen(self) -> Tensor:
        """Which classes have ever been committed, bool of shape (C,)."""
        return self.evidence.present

    def collect(self, evidence: ClassEvidence) -> None:
        """Keep the evidence of a forward pass for the next commit.

        Under gradient accumulation several passes add up to the one batch
        that they stand for.
        """
        if self._pending is not None:
            evidence = self._pending.add(evidence, keep=1)
        self._pending = evidence

    def preview(self, evidence: ClassEvidence) -> ClassEvidence:
        """The bank as it will be once ``evidence`` is committed."""
        return self.evidence.add(evidence, keep=1 - self.forgetting)

    def prototypes(self, variance: str = 'mean_precision') -> DiagonalGaussian:
        """The committed prototypes, (C, D), to be masked by :attr:`seen`.

        Args:
            variance (str): See :meth:`ClassEvidence.prototypes`.
        """
        return self.evidence.prototypes(variance, self.min_var)

    def discard(self) -> None:
        """Forget what was collected, when the optimizer skipped its step."""
        self._pending = None

    @torch.no_grad()
    def commit(self) -> None:
        """Fuse what was collected into the bank, forgetting a little.

        Classes whose evidence isn't finite stay as they are.
        """
        if self._pending is None:
            return
        after = self.preview(self._pending.finite())
        self.discard()
        self.precision.copy_(after.precision)
        self.information.copy_(after.information)
        self.count.copy_(after.count)
