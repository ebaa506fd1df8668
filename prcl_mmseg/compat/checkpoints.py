# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Checkpoints are data: loading one runs no code of its choosing."""
import functools
import os
import pickle
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any, Callable, Dict, Sequence

import numpy as np
import torch

# Set to 1 by whoever trusts a file that holds more than data.
TRUST = 'PRCL_MMSEG_TRUST_CHECKPOINTS'
# What PyTorch raises for files of other kinds, or that are cut.
_DAMAGE = (pickle.UnpicklingError, RuntimeError, KeyError, IndexError,
           EOFError, AttributeError, TypeError, UnicodeDecodeError)


class BadCheckpoint(pickle.UnpicklingError, ValueError):
    """A file that is no checkpoint, is damaged, or holds more than data."""


def load_checkpoints_safely() -> None:
    """Let MMEngine load tensors, plain containers and its own logs only.

    MMEngine's message hub stores history buffers and numpy numbers, which are
    allowed by name. Everything else is refused, where MMEngine itself would
    load it with a warning, or without one on PyTorch before 2.6.
    """
    from mmengine.runner import checkpoint
    _allow_what_mmengine_stores()
    checkpoint.torch = _TorchWithSafeLoad()
    download = checkpoint.load_url

    @functools.wraps(download)
    def load_url(*args, **kwargs) -> Any:
        if _trusted():
            return download(*args, **kwargs)
        return _without_code(download(*args, **kwargs, weights_only=True))

    checkpoint.load_url = load_url
    # The fork would try again without safety.
    if hasattr(checkpoint, '_safe_torch_load'):
        checkpoint._safe_torch_load = load_safely


def load_safely(file: Any, map_location: Any = None, **_) -> Any:
    """``torch.load`` of data alone.

    Args:
        file (str | file): The checkpoint.
        map_location (Any): See ``torch.load``.

    Raises:
        BadCheckpoint: If the file is no checkpoint, is damaged, or holds
            anything but data. Names the file, what it holds, and how to
            trust it.
    """
    if _trusted():
        return _named(
            torch.load(file, map_location=map_location, weights_only=False),
            file)
    try:
        return _named(
            _without_code(
                torch.load(file, map_location=map_location,
                           weights_only=True)), file)
    except _DAMAGE as error:
        found = re.search(r"GLOBAL ([\w.]+)|but got <class '([\w.]+)'>",
                          str(error))
        if found is None:
            raise BadCheckpoint(
                f'{file} is no checkpoint of PyTorch, or is damaged; write or '
                f'download it again ({type(error).__name__}: '
                f'{str(error).splitlines()[0] if str(error) else ""})'
            ) from error
        raise BadCheckpoint(
            f'{file} was not loaded, because it holds more than weights and '
            f'logs: it asks for {found.group(1) or found.group(2)}. Such a '
            'file can run code. If you trust whoever made it, set the '
            f'environment variable {TRUST}=1') from error


class _TorchWithSafeLoad:
    """PyTorch, as the module of MMEngine that loads checkpoints sees it."""
    load = staticmethod(load_safely)

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def _without_code(checkpoint: Any) -> Any:
    """The checkpoint without the configs that MMEngine would execute.

    They are Python files as text, run when a training is resumed, or when an
    inferencer gets no config.
    """
    if isinstance(checkpoint, dict):
        hub = checkpoint.get('message_hub')
        for part in (checkpoint.get('meta'),
                     hub.get('runtime_info') if isinstance(hub, dict) else {}):
            if isinstance(part, dict):
                for name in ('config', 'cfg'):
                    part.pop(name, None)
    return checkpoint


def _named(checkpoint: Any, file: Any) -> Any:
    """Let the weights carry the name of their file, for messages.

    Raises:
        ValueError: If there are no weights by name in the file.
    """
    weights = checkpoint
    if isinstance(checkpoint, dict):
        weights = checkpoint.get('state_dict', checkpoint)
    if not isinstance(weights, dict) or not all(
            isinstance(name, str) for name in weights):
        raise ValueError(
            f'{file} holds a {type(weights).__name__} instead of weights by '
            'name; give a checkpoint that a training wrote')
    named = OrderedDict(weights)
    metadata = getattr(weights, '_metadata', None)
    named._metadata = OrderedDict(
        metadata if isinstance(metadata, dict) else {})
    if isinstance(file, (str, Path)):
        own = named._metadata.get('')
        named._metadata[''] = dict(own or {}, file=str(file))
    if 'state_dict' not in checkpoint:
        return named
    checkpoint['state_dict'] = named
    return checkpoint


def _trusted() -> bool:
    return os.environ.get(TRUST) == '1'


def _allow_what_mmengine_stores() -> None:
    """Checkpoints written with numpy 1 and numpy 2 are both accepted."""
    from mmengine.logging import HistoryBuffer
    from mmengine.optim.scheduler.param_scheduler import \
        OneCycleParamScheduler
    from mmengine.runner import checkpoint
    from mmengine.utils import digit_version
    core = getattr(np, '_core', None) or np.core
    builders = [core.multiarray._reconstruct, core.multiarray.scalar]
    dtypes = [
        type(np.dtype(kind))
        for kind in ('f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2',
                     'u4', 'u8', '?', 'U1', 'S1')
    ]
    resolver = _method_resolver({
        HistoryBuffer: ('min', 'max', 'current', 'mean'),
        OneCycleParamScheduler: ('_annealing_cos', '_annealing_linear')
    })
    torch.serialization.add_safe_globals([
        HistoryBuffer, OneCycleParamScheduler, resolver, slice, np.ndarray,
        np.dtype, *builders, *dtypes
    ])
    # Numpy 2 renamed numpy.core, and a checkpoint has the name of its day.
    # Before torch 2.6 names couldn't be given.
    if digit_version(torch.__version__) >= digit_version('2.6.0'):
        torch.serialization.add_safe_globals([
            (builder, f'numpy.{module}.multiarray.{builder.__name__}')
            for builder in builders for module in ('core', '_core')
        ])
    # The fork allows getattr itself around each load.
    if hasattr(checkpoint, 'get_torch_safe_globals'):
        checkpoint.get_torch_safe_globals = lambda: []


def _method_resolver(methods: Dict[type, Sequence[str]]) -> Callable:
    """What pickles get for ``getattr``: some methods, nothing else.

    Pickle writes a method, as history buffers and schedulers have them, as
    getattr(class, name). The real getattr reaches everything from anything.

    Args:
        methods (dict[type, Sequence[str]]): Names of the methods by class.
    """

    def resolve(instance: Any, name: str) -> Any:
        if isinstance(instance, type) and name in methods.get(instance, ()):
            return getattr(instance, name)
        raise pickle.UnpicklingError(
            f'GLOBAL getattr of {name!r} is not allowed in a checkpoint')

    # Allowed globals are found by module and name.
    resolve.__module__, resolve.__name__ = 'builtins', 'getattr'
    resolve.__qualname__ = 'getattr'
    return resolve
