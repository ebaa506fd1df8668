# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Which parts of a config need this package."""
from typing import Any, List, Sequence, Set, Tuple

import mmseg.registry
from mmengine.registry import Registry

from ..engine.config_parts import config_dicts
from ..packages import KNOWN_PACKAGES, is_own, package_of


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


def packages_of_types(node: Any) -> Tuple[Set[str], Set[str]]:
    """Packages that register types of a config, and that register any.

    Those that MMSegmentation has anyway are left out.
    """
    names = {part['type'] for part in config_dicts(node)
             if isinstance(part.get('type'), str)}
    registries = [item for item in vars(mmseg.registry).values()
                  if isinstance(item, Registry)]
    registries += [item.parent for item in registries if item.parent]
    packages = {
        name: package_of(kind)
        for registry in registries
        for name, kind in registry.module_dict.items()
    }
    # mmpretrain.TIMMBackbone
    used = {name.split('.')[0] for name in names if '.' in name}
    used.update(packages[name] for name in names & set(packages))
    known = set(KNOWN_PACKAGES)
    return used - known, set(packages.values()) - known


def _is_own_type(name: str, registries: Sequence[Registry]) -> bool:
    # Not Registry.get, which would import other packages on its way.
    return any(
        is_own(registry.module_dict.get(name)) for registry in registries)
