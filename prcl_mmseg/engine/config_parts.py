# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Finding and changing the parts of a config, however deep they lie."""
import re
from functools import lru_cache
from typing import Any, Iterable, Iterator, Pattern, Tuple


def config_dicts(node: Any) -> Iterator[dict]:
    """Every dict in a config, the outer before the inner."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from config_dicts(child)


def config_items(node: Any, key: str = '') -> Iterator[Tuple[str, Any]]:
    """Every value in a config and its key, as --cfg-options takes it."""
    if key:
        yield key, node
    children = ()
    if isinstance(node, dict):
        children = node.items()
    elif isinstance(node, (list, tuple)):
        children = enumerate(node)
    for name, child in children:
        yield from config_items(child, f'{key}.{name}' if key else str(name))


def matches(key: str, patterns: Iterable[str]) -> bool:
    """Whether a key is as one of some patterns.

    In a pattern, * is anything in one part of it, ** any number of parts.
    """
    return any(_expression(pattern).fullmatch(key) for pattern in patterns)


def replace_sync_bn(cfg: Any) -> None:
    """Turn every SyncBN of a config into BN, in place."""
    for part in config_dicts(cfg):
        if part.get('type') in ('SyncBN', 'MMSyncBN'):
            part['type'] = 'BN'


def drop_pretrained_init(cfg: Any) -> None:
    """Remove every ``init_cfg`` that loads pretrained weights, in place."""
    for part in config_dicts(cfg):
        init_cfg = part.get('init_cfg')
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            del part['init_cfg']


@lru_cache(maxsize=None)
def _expression(pattern: str) -> Pattern:
    parts = re.split(r'(\*+)', pattern)
    anything = {'*': '[^.]*', '**': '.*'}
    return re.compile(''.join(
        anything.get(part) or re.escape(part) for part in parts))
