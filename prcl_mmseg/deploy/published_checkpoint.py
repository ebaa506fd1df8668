# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Checkpoints to give away: tensors and plain values, named by their hash."""
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any, Dict

import torch
from torch import Tensor

from ..file_hash import sha256_of_file
from ..finite import not_finite
from ..models.decode_heads import unwrap_heads
from ..value_check import listed
from ..version import __version__

TEACHER = 'networks.teacher.module.'
STUDENT = 'networks.student.'
STEPS = 'networks.teacher.steps'
# What of a checkpoint's meta data a user of the weights needs.
META = ('dataset_meta', 'iter', 'epoch', 'uncertainty')


def plain_weights(state_dict: Dict[str, Tensor],
                  role: str) -> Dict[str, Tensor]:
    """Weights of the teacher or the student in the names of plain mmseg.

    Args:
        state_dict (dict[str, Tensor]): Of a semi-supervised segmentor.
        role (str): 'teacher' or 'student'.

    Raises:
        ValueError: If it has no weights of that role.
    """
    start = TEACHER if role == 'teacher' else STUDENT
    weights = OrderedDict((name[len(start):], weight)
                          for name, weight in state_dict.items()
                          if name.startswith(start))
    if not weights:
        raise ValueError(
            f'the checkpoint has no weights of the {role} (names that start '
            f'with {start!r}); its first names are {list(state_dict)[:3]}. '
            'Give a checkpoint that this package trained' +
            (', or --student' if role == 'teacher' else ''))
    return unwrap_heads(weights)


def training_weights(state_dict: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """All weights, without the count of steps that only resuming needs."""
    return OrderedDict((name, weight) for name, weight in state_dict.items()
                       if name != STEPS)


def publish(state_dict: Dict[str, Tensor], meta: dict, path: str) -> str:
    """Write weights alone and put their hash into the file name.

    The file loads with ``torch.load(weights_only=True)``, whatever was
    imported before.

    Args:
        state_dict (dict[str, Tensor]): The weights.
        meta (dict): A checkpoint's meta data, from which the classes, the
            palette, the length of the training and what is known of σ² are
            taken.
        path (str): File to write, without the hash.

    Returns:
        str: The file written, ``{path}-{8 hex digits of its SHA-256}.pth``.

    Raises:
        ValueError: If weights are NaN or infinite.
    """
    broken = not_finite(state_dict)
    if broken:
        raise ValueError(
            f'the checkpoint has NaN or infinite weights in {listed(broken)}; '
            'publish an earlier one')
    weights = OrderedDict(
        (name, weight.detach().cpu().clone())
        for name, weight in state_dict.items())
    kept = {key: _plain(meta[key]) for key in META if meta.get(key)}
    kept['prcl_mmseg_version'] = __version__
    stem = Path(path).with_suffix('') if path.endswith('.pth') else Path(path)
    stem.parent.mkdir(parents=True, exist_ok=True)
    draft = stem.with_name(stem.name + '.pth.part')
    torch.save(dict(state_dict=weights, meta=kept), draft)
    final = stem.with_name(f'{stem.name}-{sha256_of_file(draft)[:8]}.pth')
    os.replace(draft, final)
    return str(final)


def _plain(value: Any) -> Any:
    """Lists, dicts, strings and numbers instead of arrays and the like."""
    if hasattr(value, 'tolist'):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
