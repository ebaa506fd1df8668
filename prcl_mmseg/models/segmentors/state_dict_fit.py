# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Any, Dict, Optional, Tuple

from torch import Tensor, nn

from ..decode_heads import embedding_head, unwrap_heads


def fit_state_dict(model: nn.Module, state_dict: Dict[str, Any], prefix: str,
                   source: str) -> None:
    """Give every network the weights that a checkpoint has for it, in place.

    A network that the checkpoint lacks gets those of the student, then of the
    teacher, or of the plain segmentor that the checkpoint holds. Heads are
    unwrapped where they don't embed here. The teacher's count of steps, which
    published weights lack, starts anew.

    Args:
        model (SegmentorWithRoles): Has the networks.
        state_dict (dict): Of the checkpoint.
        prefix (str): What the names of the model begin with there.
        source (str): The checkpoint, for messages.

    Raises:
        ValueError: If the checkpoint holds no weights of a network.
    """
    _check_tensors(state_dict, source)
    names = list(state_dict)[:3]
    _fit_steps(model.teacher, state_dict, f'{prefix}networks.teacher.steps')
    places = dict(
        student=f'{prefix}networks.student.',
        teacher=f'{prefix}networks.teacher.module.')
    found = {role: _take(state_dict, place) for role, place in places.items()}
    parts = tuple(f'{prefix}{name}.'
                  for name, _ in model.student.named_children())
    plain = _take(state_dict, prefix, parts)
    for role in model.roles:
        weights = (
            found[role] or found['student'] or found['teacher'] or plain)
        if not weights:
            raise ValueError(
                f'{source} holds no weights of a network: none of '
                'its names begins with networks.student, networks.teacher '
                f'or a part of a plain segmentor; it has {names}. Give a '
                'checkpoint of this version or of mmseg')
        if embedding_head(model.network(role)) is None:
            weights = unwrap_heads(weights)
        state_dict.update({
            places[role] + name: weight.clone()
            for name, weight in weights.items()
        })


def _check_tensors(state_dict: Dict[str, Any], source: str) -> None:
    for name, value in state_dict.items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f'{source} has a {type(value).__name__} as {name}, which '
                'is no weight; give a checkpoint that a training wrote')


def _fit_steps(teacher: Optional[nn.Module], state_dict: Dict[str, Tensor],
               name: str) -> None:
    if teacher is None:
        state_dict.pop(name, None)
    else:
        state_dict.setdefault(name, teacher.steps.clone())


def _take(state_dict: Dict[str, Tensor],
          start: str,
          parts: Optional[Tuple[str, ...]] = None) -> Dict[str, Tensor]:
    """Remove and return what starts so (or with one of the parts)."""
    names = [
        name for name in state_dict if name.startswith(parts or start)
    ]
    return {name[len(start):]: state_dict.pop(name) for name in names}
