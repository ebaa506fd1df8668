# Copyright (c) prcl_mmseg authors. All rights reserved.
"""From which checkpoint a training goes on, and what that means."""
import os
import os.path as osp
import re
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, List, NamedTuple, Optional

from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from ..finite import not_finite
from ..value_check import listed

POINTER = 'last_checkpoint'
# Such as iter_2500.pth and best_mIoU_iter_2500.pth.
_NAME = re.compile(r'(best_\w+_)?(?:iter|epoch)_(\d+)\.pth')


class Start(NamedTuple):
    """How a training starts: what MMEngine's runner asks for, and why.

    ``notes`` are for the log.
    """

    resume: bool
    load_from: Optional[str]
    notes: List[str]


def checkpoint_folder(cfg: Config) -> str:
    """Where a run saves: its work dir, or a folder of that name elsewhere."""
    hooks = cfg.get('default_hooks') or {}
    out_dir = (hooks.get('checkpoint') or {}).get('out_dir')
    if not out_dir:
        return cfg.work_dir
    return osp.join(out_dir, osp.basename(osp.normpath(cfg.work_dir)))


def saved_checkpoints(work_dir: str) -> List[str]:
    """Checkpoints that a training left in a folder.

    Returns:
        list[str]: The newest first, by the iteration in their names; best
        checkpoints, from which no training can go on, at the end.
    """
    found = []
    for path in Path(work_dir).glob('*.pth'):
        match = _NAME.fullmatch(path.name)
        if match:
            found.append((match[1] is None, int(match[2]), str(path)))
    return [path for *_, path in sorted(found, reverse=True)]


def delete_checkpoints(folder: str, work_dir: str) -> None:
    """Delete the checkpoints of a folder, and what names the last one."""
    for path in [*saved_checkpoints(folder), osp.join(work_dir, POINTER)]:
        with suppress(FileNotFoundError):
            os.remove(path)


def choose_start(cfg: Config, explicit: bool) -> Start:
    """Where a training with ``--resume`` goes on.

    Args:
        cfg (Config): Of the run, with its ``work_dir``.
        explicit (bool): Whether ``load_from`` was given on the command line:
            then that file is resumed. One of a config is what a run starts
            from, so it counts as long as the work dir has no checkpoint.

    Returns:
        Start: From the newest intact checkpoint of the work dir; or from
        ``load_from``, which is resumed if it can be; or from the beginning.

    Raises:
        ValueError: If there are checkpoints, but none is intact.
    """
    load_from = cfg.get('load_from')
    if explicit and load_from:
        return Start(True, load_from, [])
    found = find_resumable(cfg.work_dir, checkpoint_folder(cfg))
    if found is not None:
        return found
    note = f'{cfg.work_dir} has no checkpoint yet, so the training starts '
    if not load_from:
        return Start(False, None, [f'{note}at iteration 0.'])
    fault = fault_of(load_from)
    if fault is None:
        return Start(True, load_from, [f'{note}where {load_from} ended.'])
    return Start(False, load_from, [
        f'{note}at iteration 0 from the weights of load_from: {load_from} '
        f'cannot be resumed, because {fault}.'
    ])


def find_resumable(work_dir: str,
                   folder: Optional[str] = None) -> Optional[Start]:
    """Resume from the newest intact checkpoint of a work dir.

    That is the one that ``last_checkpoint`` names, unless a cut spoiled
    either. In a copied folder it names that of the original.

    Args:
        work_dir (str): Holds ``last_checkpoint``.
        folder (str, optional): Holds the checkpoints. Defaults to None, the
            work dir.

    Returns:
        Start: None if no training saved anything there.

    Raises:
        ValueError: If there are checkpoints, but none is intact.
    """
    folder = folder or work_dir
    candidates = saved_checkpoints(folder)
    pointer, notes = osp.join(work_dir, POINTER), []
    if osp.isfile(pointer):
        named = Path(pointer).read_text(errors='replace').strip()
        here = osp.join(folder, osp.basename(named))
        if here in candidates:
            candidates.remove(here)
            candidates.insert(0, here)
        elif candidates:
            notes.append(f'{pointer} names {named[:200]!r}: there is no such '
                         'file')
        else:
            candidates = [named]
    elif candidates:
        notes.append(f'{pointer} is missing')
    for path in candidates:
        fault = fault_of(path)
        if fault is None:
            if notes:
                notes.append('The training goes on from the newest intact '
                             f'checkpoint, {path}')
            return Start(True, path, notes)
        notes.append(f'{path[:200]!r}: {fault}')
    if not candidates:
        return None
    lines = '\n'.join(f'  {note}' for note in notes)
    raise ValueError(
        f'{folder} holds no checkpoint that can be resumed:\n{lines}\n'
        'Restore one of them, or choose another --work-dir, or start over '
        'with --overwrite, which deletes them')


def fault_of(path: str) -> Optional[str]:
    """Why a training cannot go on from a checkpoint; None if it can."""
    if '://' not in path and not osp.isfile(path):
        return 'there is no such file'
    try:
        if zipfile.is_zipfile(path):  # PyTorch does not look at the sums.
            with zipfile.ZipFile(path) as file:
                damaged = file.testzip()
            if damaged:
                return f'its part {damaged} is damaged'
        checkpoint = CheckpointLoader.load_checkpoint(
            path, map_location='cpu', logger='silent')
    except Exception as error:  # A damaged file can raise anything.
        return f'it cannot be loaded ({error})'
    lacks = missing_parts(checkpoint)
    if lacks:
        return f'it has no {", ".join(lacks)}'
    broken = not_finite(checkpoint['state_dict'])
    return f'it has NaN or infinite numbers in {listed(broken)}' \
        if broken else None


def missing_parts(checkpoint: Any) -> List[str]:
    """What a checkpoint lacks of that which resuming needs."""
    if not isinstance(checkpoint, dict):
        return ['state_dict']
    lacks = [
        part for part in ('state_dict', 'optimizer', 'message_hub')
        if not checkpoint.get(part)
    ]
    meta = checkpoint.get('meta')
    meta = meta if isinstance(meta, dict) else {}
    return lacks + [
        f'meta.{part}' for part in ('iter', 'epoch')
        if not isinstance(meta.get(part), int) or meta[part] < 0
    ]
