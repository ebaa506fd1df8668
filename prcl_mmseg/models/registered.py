# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Reading configs before anything is built."""
from typing import Any, List

from mmengine.registry import Registry
from mmseg.registry import MODELS


def registered_class(cfg: dict, registry: Registry = MODELS) -> type:
    """The class that a config would build, without building it.

    Args:
        cfg (dict): Config with a ``type``, a registered name or a class.
        registry (Registry): Where to look it up. Defaults to the models.

    Returns:
        type: ``object`` for a type that is not registered; building it will
        say so.
    """
    kind = cfg.get('type')
    if isinstance(kind, str):
        kind = registry.get(kind)
    return kind if isinstance(kind, type) else object


def as_list(configs: Any) -> List[dict]:
    """One config, several or none, as a list."""
    if not configs:
        return []
    return list(configs) if isinstance(configs, (list, tuple)) else [configs]
