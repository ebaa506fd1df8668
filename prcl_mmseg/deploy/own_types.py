# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Which parts of a config need this package."""
from typing import Any, List, Sequence

from mmengine.registry import Registry

from ..engine.config_parts import config_dicts

OWN_PACKAGE = __name__.split('.')[0]


def own_types(node: Any, *registries: Registry) -> List[str]:
    """Names of the types in a config that this package registers.

    Args:
        node (Any): A config or a part of one.
        *registries (Registry): Where to look the types up. One name may mean
            different things in different registries.
    """
    return sorted({
        part['type']
        for part in config_dicts(node)
        if isinstance(part.get('type'), str)
        and _is_own_type(part['type'], registries)
    })


def _is_own_type(name: str, registries: Sequence[Registry]) -> bool:
    # Not Registry.get, which would import other packages on its way.
    modules = (
        getattr(registry.module_dict.get(name), '__module__', '')
        for registry in registries)
    return any(module.split('.')[0] == OWN_PACKAGE for module in modules)
