# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Whether hooks do what the model and the evaluation need of them."""
from typing import Dict, List

from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..models import PrototypeBank
from ..packages import is_known
from ..value_check import check_number, did_you_mean
from .hooks import MeanTeacherHook, PrototypeBankHook
from .hooks.unwrap import unwrap_model
from .runner.teacher_student_val_loop import main_scores

# Scores of mmseg's IoUMetric, by its iou_metrics.
SCORES = dict(
    mIoU=('mIoU', 'mAcc'),
    mDice=('mDice', 'mAcc'),
    mFscore=('mFscore', 'mPrecision', 'mRecall'))


def check_hooks(cfg: Config) -> None:
    """Raise ValueError for intervals and scores that hooks can't use.

    Args:
        cfg (Config): Config of a training.
    """
    for key, hook in _hooks(cfg).items():
        kind = HOOKS.get(hook['type']) if isinstance(hook['type'], str) else \
            hook['type']
        if not is_known(kind):
            continue
        for name in ('interval', 'max_keep_ckpts'):
            # To MMEngine, -1 is never or all.
            if hook.get(name, -1) != -1:
                check_number(f'{key}.{name}', hook[name], 1)
        _check_scores(cfg, key, hook)


def check_followers(runner: Runner) -> None:
    """Teacher and prototypes move by hooks, once a step.

    Args:
        runner (Runner): Before the training.

    Raises:
        ValueError: If a hook that the model needs is missing, unless one of
            the user's own may do its work, or is there twice.
    """
    model = unwrap_model(runner.model)
    teacher = getattr(model, 'teacher', None)
    banked = [
        f'model.terms.{name}'
        for name, term in getattr(model, 'terms', {}).items() if any(
            isinstance(module, PrototypeBank) for module in term.modules())
    ]
    own = any(not is_known(type(hook)) for hook in runner.hooks)
    for hook_class, needs, part in (
        (MeanTeacherHook, teacher is not None, 'model.teacher'),
        (PrototypeBankHook, bool(banked), ' and '.join(banked))):
        count = sum(isinstance(hook, hook_class) for hook in runner.hooks)
        name = hook_class.__name__
        if needs and count == 0 and not own:
            raise ValueError(
                f'custom_hooks={runner.cfg.get("custom_hooks")} has no '
                f'{name}, so {part} would never move; add '
                f'dict(type={name!r}), as configs/_base_/default_runtime.py '
                'does')
        if needs and count > 1:
            raise ValueError(
                f'custom_hooks: {name} is there {count} times, so {part} '
                'would move more than once a step; remove all but one')


def _hooks(cfg: Config) -> Dict[str, dict]:
    hooks = dict(cfg.get('default_hooks') or {})
    found = {f'default_hooks.{name}': hook for name, hook in hooks.items()}
    custom = cfg.get('custom_hooks') or []
    found.update({
        f'custom_hooks.{index}': hook
        for index, hook in enumerate(custom)
    })
    for key, hook in found.items():
        if hook is not None and (not isinstance(hook, dict)
                                 or 'type' not in hook):
            raise ValueError(f'{key}={hook!r} must be a dict with a type')
    return {key: hook for key, hook in found.items() if hook}


def _check_scores(cfg: Config, key: str, hook: dict) -> None:
    """A score that a hook goes by must be one that a validation gives."""
    scores = _scores(cfg)
    for setting in ('save_best', 'monitor'):
        names = hook.get(setting) or []
        for name in [names] if isinstance(names, str) else names:
            if scores and name != 'auto' and name not in scores:
                raise ValueError(
                    f'{key}.{setting}={name!r} is no score of the '
                    f'validation; {did_you_mean(name, scores)}')


def _scores(cfg: Config) -> List[str]:
    """What the evaluator scores; nothing if that is not known."""
    metrics = cfg.get('val_evaluator') or []
    metrics = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    scores: List[str] = []
    for metric in metrics:
        if not isinstance(metric, dict) or metric.get('type') != 'IoUMetric':
            # Others say themselves what they score.
            return []
        wanted = metric.get('iou_metrics', ['mIoU'])
        if not wanted:
            raise ValueError(f'val_evaluator.iou_metrics={wanted!r}: nothing '
                             f'would be scored; use some of {list(SCORES)}')
        prefix = f'{metric["prefix"]}/' if metric.get('prefix') else ''
        for name in [wanted] if isinstance(wanted, str) else wanted:
            if name not in SCORES:
                raise ValueError(
                    f'val_evaluator.iou_metrics={wanted!r}: {name!r} is not '
                    f'known; use some of {list(SCORES)}')
            scores += [prefix + score for score in (*SCORES[name], 'aAcc')]
    return scores + _scores_of_roles(cfg, scores)


def _scores_of_roles(cfg: Config, scores: List[str]) -> List[str]:
    """What TeacherStudentValLoop adds to the scores."""
    if 'TeacherStudentValLoop' not in str((cfg.get('val_cfg') or {}).get(
            'type')):
        return []
    roles = ['student']
    if cfg.model.get('teacher') is not None:
        roles += ['teacher']
    names = [f'{role}/{score}' for role in roles for score in scores]
    if len(roles) == 2:
        names += [f'better/{score}' for score in main_scores(scores)]
    return names
