# Copyright (c) prcl_mmseg authors. All rights reserved.
import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any, Callable, Optional

NAME = 'mmcv._ext'
# Not operators, but what reports of the environment ask for.
VERSIONS = ('get_compiler_version', 'get_compiling_cuda_version')
# Has an implementation without operators for the CPU.
WITH_FALLBACK = ('MultiScaleDeformableAttention', )


class MissingOps(ModuleType):
    """Stands in for mmcv's compiled operators where there are none.

    Every operator can be looked up, which is what importing mmseg's models
    does; only calling one is an error.
    """

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('__'):
            raise AttributeError(name)
        if name in VERSIONS:
            return lambda: 'n/a'

        def missing(*args, **kwargs):
            raise RuntimeError(
                f'The compiled operator {name!r} of mmcv is not installed. '
                'Choose a model that does without it, or install a build of '
                'mmcv with compiled operators for your PyTorch.')

        return missing


def replace_missing_ops() -> None:
    """Let mmseg's models be imported without mmcv's compiled operators.

    The stand-in is found by ``mmcv.ops`` only: whoever asks afterwards
    whether there are compiled operators still gets the true answer.
    """
    if 'mmcv.ops' in sys.modules or importlib.util.find_spec(NAME):
        return
    sys.modules[NAME] = MissingOps(NAME)
    try:
        importlib.import_module('mmcv.ops')
    finally:
        del sys.modules[NAME]


def find_missing_ops(model: Any) -> Optional[str]:
    """Name a layer of a model that can't run without compiled operators.

    Args:
        model (nn.Module): The model.

    Returns:
        str, optional: Class of the first such layer. None if all can run.
    """
    for layer in model.modules():
        kind = type(layer)
        module = sys.modules.get(kind.__module__)
        if (isinstance(getattr(module, 'ext_module', None), MissingOps)
                and kind.__name__ not in WITH_FALLBACK):
            return kind.__name__
    return None
