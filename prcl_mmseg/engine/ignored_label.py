# Copyright (c) prcl_mmseg authors. All rights reserved.
"""One label for whatever counts for nothing: masks, padding, losses."""
from mmengine.config import Config

from .config_parts import config_dicts, config_items, matches
from .config_rules import DEFAULTS_TO_255, IGNORES, LOSS_IGNORES, PADDINGS


def ignored_label_of(cfg: Config) -> int:
    """The label that the losses of a config ignore.

    Raises:
        ValueError: If its heads differ.
    """
    heads = [
        part for part in config_dicts(cfg.get('model'))
        if 'loss_decode' in part
    ]
    # None is MMSegmentation's default, too.
    ignored = sorted({
        255 if part.get('ignore_index') is None else part['ignore_index']
        for part in heads
    })
    if len(ignored) > 1:
        raise ValueError(f'model: the heads have different ignore_index '
                         f'{ignored}; give all the same')
    return ignored[0] if ignored else 255


def check_ignored_label(cfg: Config) -> None:
    """Raise ValueError unless padding, losses and scores ignore one label."""
    index = ignored_label_of(cfg)
    _check_losses(cfg, index)
    for key, value in config_items(cfg._cfg_dict):
        kind = value.get('type') if isinstance(value, dict) else None
        if isinstance(kind, str) and kind in DEFAULTS_TO_255:
            name = DEFAULTS_TO_255[kind]
            key, value = f'{key}.{name}', value.get(name, 255)
        if '.unlabeled.' in key or not isinstance(value, int):
            continue
        if value != index and matches(key, IGNORES):
            raise ValueError(f'{key}={value}, but the heads have '
                             f'ignore_index={index}; set it to {index}')
        if value != index and matches(key, PADDINGS):
            raise ValueError(
                f'{key}={value}: padding would have the label {value}, '
                f'since the heads have ignore_index={index}; set it to '
                f'{index}')


def _check_losses(cfg: Config, index: int) -> None:
    """Losses must ignore the label that their head ignores."""
    for key, loss in config_items(cfg._cfg_dict):
        kind = loss.get('type') if isinstance(loss, dict) else None
        name = LOSS_IGNORES.get(kind) if isinstance(kind, str) else None
        if not key.startswith('model.') or name is None:
            continue
        # To DiceLoss it is a class to leave out, too.
        if kind == 'DiceLoss' and name in loss:
            continue
        if loss.get(name, 255) != index:
            raise ValueError(f'{key}.{name}={loss.get(name, 255)}, but the '
                             f'heads have ignore_index={index}; set it to '
                             f'{index}')
