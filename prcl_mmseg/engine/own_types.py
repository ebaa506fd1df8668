# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Which parts of a config need this package."""
from typing import Any, Iterator, List

from mmseg.registry import (DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS,
                            VISBACKENDS, VISUALIZERS)

OWN_PACKAGE = __name__.split('.')[0]
REGISTRIES = (MODELS, DATASETS, TRANSFORMS, METRICS, HOOKS, VISUALIZERS,
              VISBACKENDS)


def own_types(node: Any) -> List[str]:
    """Names of the types in a config that this package registers."""
    return sorted({
        part['type']
        for part in config_dicts(node)
        if isinstance(part.get('type'), str) and is_own_type(part['type'])
    })


def is_own_type(name: str) -> bool:
    """Whether this package registers a type of that name."""
    # Not Registry.get, which would import and build on its way.
    modules = (
        getattr(registry.module_dict.get(name), '__module__', '')
        for registry in REGISTRIES)
    return any(module.split('.')[0] == OWN_PACKAGE for module in modules)


def config_dicts(node: Any) -> Iterator[dict]:
    """Every dict in a config, the outer before the inner."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from config_dicts(child)
