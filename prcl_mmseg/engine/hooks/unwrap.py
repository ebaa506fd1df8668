# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import List

from mmengine.model import is_model_wrapper
from torch import nn

from ...models import PrototypeBank, Term


def unwrap_model(model: nn.Module) -> nn.Module:
    """The model itself, without a distributed wrapper."""
    return model.module if is_model_wrapper(model) else model


def terms_of(model: nn.Module) -> List[Term]:
    """The terms of a model, wrapped or not; one of mmseg itself has none."""
    return list(getattr(unwrap_model(model), 'terms', {}).values())


def prototype_banks(model: nn.Module) -> List[PrototypeBank]:
    """The banks of prototypes that the terms of a model have."""
    return [
        module for term in terms_of(model) for module in term.modules()
        if isinstance(module, PrototypeBank)
    ]
