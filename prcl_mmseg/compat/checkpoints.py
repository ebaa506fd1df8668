# Copyright (c) prcl_mmseg authors. All rights reserved.
import numpy as np
import torch


def allow_checkpoint_globals() -> None:
    """Let MMEngine's checkpoints load safely, with ``weights_only=True``.

    That is the default from torch 2.6 on, and admits tensors and plain
    containers only. MMEngine's message hub also stores history buffers and
    numpy numbers; none of them can run code of a checkpoint's choosing.
    """
    from mmengine.logging import HistoryBuffer
    from mmengine.runner import checkpoint
    core = getattr(np, '_core', None) or np.core
    dtypes = [
        type(np.dtype(kind))
        for kind in ('f2', 'f4', 'f8', 'i4', 'i8', 'u1', 'u4', '?')
    ]
    torch.serialization.add_safe_globals([
        HistoryBuffer, getattr, slice, core.multiarray._reconstruct,
        core.multiarray.scalar, np.ndarray, np.dtype, *dtypes
    ])
    # The fork allows some of these around each load, and forbids them after.
    if hasattr(checkpoint, 'get_torch_safe_globals'):
        checkpoint.get_torch_safe_globals = lambda: []
