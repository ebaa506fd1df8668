# Copyright (c) prcl_mmseg authors. All rights reserved.
from mmseg.registry import MODELS


def registered_class(cfg: dict) -> type:
    """The class that a config would build, without building it.

    Args:
        cfg (dict): Config with a ``type``, a registered name or a class.

    Returns:
        type: ``object`` for a type that is not registered; building it will
        say so.
    """
    kind = cfg.get('type')
    if isinstance(kind, str):
        kind = MODELS.get(kind)
    return kind if isinstance(kind, type) else object
