# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Whether a checkpoint fits the run that is to go on from it."""
from typing import Any, Dict, List, Sequence

from mmengine.dist import get_world_size
from mmengine.optim import ReduceOnPlateauParamScheduler
from mmengine.runner import Runner
from torch import Tensor, nn

from .hooks.unwrap import unwrap_model
from .resume import missing_parts
from .signatures import arguments

_WEIGHTS = ('To start a training from its weights, leave --resume out and '
            'set load_from to it')

# Arguments of a schedule that are no setting of it.
_OF_THE_RUN = ('optimizer', 'last_step', 'verbose')


def describe_run(runner: Runner) -> Dict[str, Any]:
    """What of a run has to stay the same for a resumed step to be the same."""
    dataset = runner.train_dataloader.dataset
    return dict(
        processes=get_world_size(),
        batch_size=runner.train_dataloader.batch_size,
        samples_per_item=list(getattr(dataset, 'samples_per_item', ())),
        accumulative_counts=getattr(runner.optim_wrapper,
                                    '_accumulative_counts', 1))


def check_fit(runner: Runner, checkpoint: dict, path: str) -> List[str]:
    """Compare a checkpoint with the run that resumes it.

    Args:
        runner (Runner): The runner, which has loaded nothing yet.
        checkpoint (dict): The checkpoint.
        path (str): Where it is from.

    Returns:
        list[str]: What will be different, for the log.

    Raises:
        ValueError: If the training could not go on, or would learn nothing.
    """
    lacks = missing_parts(checkpoint)
    if lacks:
        raise ValueError(
            f'{path} cannot be resumed, because it has no '
            f'{", ".join(lacks)}. Published checkpoints and the best one '
            f'hold no optimizer. {_WEIGHTS}; to go on, resume an '
            'iter_*.pth')
    _check_weights(unwrap_model(runner.model), checkpoint['state_dict'], path)
    _check_optimizer(runner, checkpoint['optimizer'], path)
    return [
        *_compare_runs(runner, checkpoint['meta'], path),
        *_compare_settings(runner, checkpoint['optimizer'], path)
    ]


def _check_weights(model: nn.Module, weights: Dict[str, Tensor],
                   path: str) -> None:
    own = model.state_dict()
    weights = {
        name[7:] if name.startswith('module.') else name: weight
        for name, weight in weights.items()
    }
    faults = dict(
        missing=[name for name in own if name not in weights],
        unknown=[name for name in weights if name not in own],
        differently_shaped=[
            name for name in own
            if name in weights and own[name].shape != weights[name].shape
        ])
    found = [
        f'{len(names)} {fault.replace("_", " ")} (such as {names[0]})'
        for fault, names in faults.items() if names
    ]
    if found:
        raise ValueError(
            f'{path} is of another method, network or number of classes than '
            f'the config: of {len(own)} tensors of the model, '
            f'{", ".join(found)}. Resume it with the config that it was '
            f'trained with. {_WEIGHTS}')


def _check_optimizer(runner: Runner, saved: dict, path: str) -> None:
    own = runner.optim_wrapper.state_dict()
    if 'param_groups' not in own or 'param_groups' not in saved:
        return
    sizes, settings = [], []
    for state in (saved, own):
        groups = state['param_groups']
        sizes.append([len(group['params']) for group in groups])
        settings.append(set().union(*groups))
    # A newer PyTorch may have added settings, but takes none away.
    if sizes[0] != sizes[1] or (settings[0] - settings[1]
                                and settings[1] - settings[0]):
        raise ValueError(
            f'{path} was trained with another optimizer than '
            f'optim_wrapper.optimizer ({_names(settings[0] - settings[1])} '
            f'in place of {_names(settings[1] - settings[0])}; parameters '
            f'per group {sizes[0]} in place of {sizes[1]}). Keep optimizer '
            f'and paramwise_cfg of the run. {_WEIGHTS}')


def _names(settings: Sequence[str]) -> str:
    return ', '.join(sorted(settings)) or 'the same settings'


def schedule_changed(runner: Runner, checkpoint: dict) -> bool:
    """Whether a checkpoint's schedule is another one than the config's.

    MMEngine goes on with that of the checkpoint, so a run that is made longer
    would end at learning rate 0. Arguments are compared as far as a schedule
    keeps them. Beside one that waits for scores, which can't be repeated, only
    the ends are.
    """
    own, saved = runner.param_schedulers, checkpoint.get('param_schedulers')
    if not isinstance(own, list):
        return False
    if not isinstance(saved, list):
        return bool(own)
    if len(own) != len(saved):
        return True
    if any(isinstance(each, ReduceOnPlateauParamScheduler) for each in own):
        return [each.end for each in own] != [
            state.get('end') for state in saved]
    return any(
        state.get(name) != value for each, state in zip(own, saved)
        for name, value in each.state_dict().items()
        if name in arguments(type(each)) and name not in _OF_THE_RUN)


def follow_config(runner: Runner) -> None:
    """Bring the config's own schedule to the iteration of the run."""
    for group in runner.optim_wrapper.param_groups:
        for key in group:
            if f'initial_{key}' in group:
                group[key] = group[f'initial_{key}']
    runner.param_schedulers = runner.build_param_scheduler(
        runner.cfg.param_scheduler)
    for scheduler in runner.param_schedulers:
        for _ in range(runner.epoch if scheduler.by_epoch else runner.iter):
            scheduler.step()


def _compare_runs(runner: Runner, meta: dict, path: str) -> List[str]:
    own = describe_run(runner)
    saved = {key: meta.get(key, value) for key, value in own.items()}
    notes = []
    if meta['iter'] >= runner.max_iters:
        notes.append(
            f'{path} is the end of its training: {meta["iter"]} iterations '
            f'are done, and train_cfg.max_iters={runner.max_iters}')
    started = meta['iter'] % saved['accumulative_counts']
    if started and meta['iter'] < runner.max_iters:
        notes.append(
            f'{path} was saved within a step of '
            f'optim_wrapper.accumulative_counts={saved["accumulative_counts"]}'
            f' batches: the gradient of the first {started} is lost, so the '
            'next step is a smaller one. A multiple of it as '
            'default_hooks.checkpoint.interval avoids that')
    for key, what in (('processes', 'process(es)'),
                      ('batch_size', 'item(s) per process and batch'),
                      ('samples_per_item', 'samples per item'),
                      ('accumulative_counts', 'batch(es) per step')):
        if saved[key] != own[key]:
            notes.append(
                f'{path} was trained with {saved[key]} {what}, and goes on '
                f'with {own[key]}: the size of a batch and the order of the '
                'images change, so this is not the training that it would '
                'have been. The learning rate belongs to the batch; '
                'auto_scale_lr.enable=True scales that of a new training')
    return notes


def _compare_settings(runner: Runner, saved: dict, path: str) -> List[str]:
    """Settings of the optimizer, which the checkpoint's take the place of."""
    own = runner.optim_wrapper.state_dict()
    if 'param_groups' not in own or 'param_groups' not in saved:
        return []
    different = {
        name: (before[name], now[name])
        for before, now in zip(saved['param_groups'], own['param_groups'])
        for name in now if name in before and name not in ('lr', 'params')
        and before[name] != now[name]
    }
    return [
        f'{path} was trained with {name}={before}, and goes on with that '
        f'instead of {now} as the config has it in optim_wrapper.optimizer'
        for name, (before, now) in different.items()
    ]
