# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Finding and changing the parts of a config, however deep they lie."""
from typing import Any, Iterator


def config_dicts(node: Any) -> Iterator[dict]:
    """Every dict in a config, the outer before the inner."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from config_dicts(child)


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
