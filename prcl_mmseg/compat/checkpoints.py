# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Checkpoints are data: loading one runs no code of its choosing."""
import functools
import os
import os.path as osp
import pickle
import re
from typing import Any, Callable

import numpy as np
import torch

# Set to 1 by whoever trusts a file that holds more than data.
TRUST = 'PRCL_MMSEG_TRUST_CHECKPOINTS'


def load_checkpoints_safely() -> None:
    """Let MMEngine load tensors, plain containers and its own logs only.

    MMEngine's message hub stores history buffers and numpy numbers, which are
    allowed by name. Everything else is refused, where MMEngine itself would
    load it with a warning, or without one on PyTorch before 2.6.
    """
    from mmengine.runner import checkpoint
    _allow_what_mmengine_stores()
    checkpoint.CheckpointLoader.register_scheme(
        prefixes='', loader=load_from_local, force=True)
    checkpoint.load_url = functools.partial(
        checkpoint.load_url, weights_only=not _trusted())
    # What the fork loads by itself, such as weights of torchvision.
    if hasattr(checkpoint, '_safe_torch_load'):
        checkpoint._safe_torch_load = load_safely


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Load a checkpoint from a file; MMEngine's loader for local paths."""
    filename = osp.expanduser(filename)
    if not osp.isfile(filename):
        raise FileNotFoundError(f'{filename} can not be found.')
    return load_safely(filename, map_location)


def load_safely(file: Any, map_location: Any = None, **_) -> Any:
    """``torch.load`` of data alone.

    Args:
        file (str | file): The checkpoint.
        map_location (Any): See ``torch.load``.

    Raises:
        UnpicklingError: If the file holds anything but data. Names the file,
            what it holds, and how to trust it.
    """
    if _trusted():
        return torch.load(file, map_location=map_location, weights_only=False)
    try:
        return torch.load(file, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r'GLOBAL ([\w.]+)', str(error))
        found = f'it asks for {found.group(1)}' if found else str(
            error).split('\n')[0]
        raise pickle.UnpicklingError(
            f'{file} was not loaded, because it holds more than weights and '
            f'logs: {found}. Such a file can run code. If you trust whoever '
            f'made it, set the environment variable {TRUST}=1') from error


def _trusted() -> bool:
    return os.environ.get(TRUST) == '1'


def _allow_what_mmengine_stores() -> None:
    """Checkpoints written with numpy 1 and numpy 2 are both accepted."""
    from mmengine.logging import HistoryBuffer
    from mmengine.runner import checkpoint
    from mmengine.utils import digit_version
    core = getattr(np, '_core', None) or np.core
    builders = [core.multiarray._reconstruct, core.multiarray.scalar]
    dtypes = [
        type(np.dtype(kind))
        for kind in ('f2', 'f4', 'f8', 'i4', 'i8', 'u1', 'u4', '?')
    ]
    torch.serialization.add_safe_globals([
        HistoryBuffer,
        _method_resolver(HistoryBuffer), slice, np.ndarray, np.dtype,
        *builders, *dtypes
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


def _method_resolver(owner: type) -> Callable:
    """What pickles get for ``getattr``: methods of one class, nothing else.

    Pickle writes a method, as history buffers have them, as getattr(class,
    name). The real getattr reaches everything from anything.
    """

    def resolve(instance: Any, name: str) -> Any:
        if instance is owner and name in ('min', 'max', 'current', 'mean'):
            return getattr(instance, name)
        raise pickle.UnpicklingError(
            f'GLOBAL getattr of {name!r} is not allowed in a checkpoint')

    # Allowed globals are found by module and name.
    resolve.__module__, resolve.__name__ = 'builtins', 'getattr'
    resolve.__qualname__ = 'getattr'
    return resolve
