# Copyright (c) prcl_mmseg authors. All rights reserved.
import numpy as np
import torch


def allow_checkpoint_globals() -> None:
    """Let MMEngine's checkpoints load safely, with ``weights_only=True``.

    That is the default from torch 2.6 on, and admits tensors and plain
    containers only. MMEngine's message hub also stores history buffers and
    numpy numbers; none of them can run code of a checkpoint's choosing.
    Checkpoints written with numpy 1 and numpy 2 are both accepted.
    """
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
        HistoryBuffer, getattr, slice, np.ndarray, np.dtype, *builders, *dtypes
    ])
    # Numpy 2 renamed numpy.core, and a checkpoint has the name of its day.
    # Before torch 2.6 names couldn't be given, nor was safe loading the rule.
    if digit_version(torch.__version__) >= digit_version('2.6.0'):
        torch.serialization.add_safe_globals([
            (builder, f'numpy.{module}.multiarray.{builder.__name__}')
            for builder in builders for module in ('core', '_core')
        ])
    # The fork allows some of these around each load, and forbids them after.
    if hasattr(checkpoint, 'get_torch_safe_globals'):
        checkpoint.get_torch_safe_globals = lambda: []
