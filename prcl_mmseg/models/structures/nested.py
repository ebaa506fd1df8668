# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Features come as tensors, or as tuples, lists and dicts of them."""
from typing import Any, Callable, Iterator, List

from torch import Tensor


def map_tensors(function: Callable[[Tensor], Tensor], nest: Any) -> Any:
    """The same nest with ``function`` applied to each of its tensors."""
    if isinstance(nest, Tensor):
        return function(nest)
    if isinstance(nest, dict):
        return {
            key: map_tensors(function, value)
            for key, value in nest.items()
        }
    if isinstance(nest, (list, tuple)):
        items = [map_tensors(function, item) for item in nest]
        # A named tuple takes its fields one by one.
        return type(nest)(*items) if hasattr(nest, '_fields') else type(nest)(
            items)
    return nest


def tensors_of(nest: Any) -> List[Tensor]:
    """All tensors of a nest, in order."""
    tensors: List[Tensor] = []
    map_tensors(lambda tensor: tensors.append(tensor) or tensor, nest)
    return tensors


def leaves(values: Any) -> Iterator[Any]:
    """What lists in lists hold, in order."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from leaves(value)
        else:
            yield value
