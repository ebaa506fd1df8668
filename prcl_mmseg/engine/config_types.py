# Copyright (c) prcl_mmseg authors. All rights reserved.
"""One spelling for the types in a config.

MMEngine takes a registered name, with or without scope, the path of a class,
or, in pure Python configs, the class itself. MMSegmentation and the tools here
look for registered names.
"""
from typing import Any, Dict, Iterable, Iterator, List, Optional

import mmseg.registry
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.utils import get_object_from_string
from torch import nn

from ..packages import KNOWN_PACKAGES, OWN_PACKAGE, is_own
from .config_parts import config_dicts


def name_types(cfg: Config) -> None:
    """Turn every type of a config into its registered name, in place.

    What is registered under no name keeps its path. Modules that register
    the types, beyond those of OpenMMLab, are added to ``custom_imports``: the
    config no longer imports them by itself.

    Args:
        cfg (Config): Any config, pure Python ones included.
    """
    scoped = _scoped_classes()
    names = _registered_names()
    modules = set()
    for part in config_dicts(cfg._cfg_dict):
        kind = part.get('type')
        if isinstance(kind, str):
            kind = scoped.get(kind) or _class_at(kind)
        if not hasattr(kind, '__qualname__'):
            continue
        path = f'{kind.__module__}.{kind.__qualname__}'
        part['type'] = names.get(kind, path)
        if kind in names:
            modules.add(kind.__module__)
    _import_modules(cfg, modules)


def _chains() -> Iterator[List[Registry]]:
    """Each registry of mmseg, followed by those where it looks next."""
    for registry in vars(mmseg.registry).values():
        chain = []
        while isinstance(registry, Registry):
            chain.append(registry)
            registry = registry.parent
        yield chain


def _scoped_classes() -> Dict[str, Any]:
    """All registered classes by scope and name."""
    return {
        f'{registry.scope}.{name}': kind
        for chain in _chains() for registry in chain
        for name, kind in registry.module_dict.items()
    }


def _registered_names() -> Dict[Any, str]:
    """The name under which mmseg finds each class, or ours in its place."""
    # MMEngine registers a class of its own that does the same.
    names: Dict[Any, str] = {nn.SyncBatchNorm: 'SyncBN'}
    for chain in _chains():
        found: Dict[str, Any] = {}
        for registry in chain:
            for name, kind in registry.module_dict.items():
                first = found.setdefault(name, kind)
                if first is kind or _takes_the_place(first, kind):
                    names.setdefault(kind, name)
    return names


def _takes_the_place(first: Any, kind: Any) -> bool:
    return (is_own(first) and isinstance(first, type)
            and isinstance(kind, type) and issubclass(first, kind))


def _class_at(path: str) -> Optional[Any]:
    """The class of a path, which is imported already; None for a name."""
    # Imported already, so that looking up a path runs no new code.
    if '.' not in path or path.split('.')[0] not in KNOWN_PACKAGES:
        return None
    try:
        return get_object_from_string(path)
    except Exception:
        return None


def _import_modules(cfg: Config, modules: Iterable[str]) -> None:
    imports = (cfg.get('custom_imports') or {}).get('imports', [])
    imports = [imports] if isinstance(imports, str) else list(imports)
    for module in sorted(modules):
        root = module.split('.')[0]
        if root == OWN_PACKAGE:
            module = root
        elif root in KNOWN_PACKAGES:
            continue
        if module not in imports:
            imports.append(module)
    if imports:
        cfg.custom_imports = dict(imports=imports, allow_failed_imports=False)
