# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Whether two runs are the same experiment."""
import hashlib
import json
from typing import Any, Iterator, List, Tuple

from mmengine.config import Config


def plain(cfg: Config) -> dict:
    """A config in the types of JSON."""
    return json.loads(json.dumps(cfg._cfg_dict.to_dict(), default=repr))


def effective(config: dict) -> dict:
    """A plain config without what is switched off."""
    scaling = config.get('auto_scale_lr') or {}
    return {
        key: value
        for key, value in config.items()
        if key != 'auto_scale_lr' or scaling.get('enable')
    }


def digest(value: Any) -> str:
    """A hash of a value in the types of JSON, as 16 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def changed_keys(old: dict, new: dict) -> List[str]:
    """Say which settings differ between two plain configs."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    return [
        f'{key}: {_text(before, key)} -> {_text(after, key)}'
        for key in dict.fromkeys([*before, *after])
        if _text(before, key) != _text(after, key)
    ]


def _text(leaves: dict, key: str) -> str:
    return json.dumps(leaves[key]) if key in leaves else 'nothing'


def _leaves(node: Any, prefix: str = '') -> Iterator[Tuple[str, Any]]:
    if isinstance(node, dict) and node:
        items = node.items()
    elif isinstance(node, list) and node:
        items = enumerate(node)
    else:
        yield prefix, node
        return
    for key, child in items:
        yield from _leaves(child, f'{prefix}.{key}' if prefix else str(key))
