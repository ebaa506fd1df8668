# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Any, Iterator, List, Tuple


def name_layers_plainly() -> None:
    """Give the layers of a wrapped network the rates of a plain one.

    mmseg's layer-wise learning rates compare names of parameters that begin
    with ``backbone``. Under the wrapper they begin with the network's place,
    so every layer would silently have the rate of the last.
    """
    from mmseg.engine.optimizers import LearningRateDecayOptimizerConstructor
    add_params = LearningRateDecayOptimizerConstructor.add_params

    def add_params_by_plain_names(self, params: List[dict], module: Any,
                                  **kwargs) -> None:
        if hasattr(getattr(module, 'student', None), 'backbone'):
            module = _PlainNames(module)
        add_params(self, params, module, **kwargs)

    LearningRateDecayOptimizerConstructor.add_params = \
        add_params_by_plain_names


class _PlainNames:
    """A wrapper of a student, as the constructor looks at a network."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.backbone = model.student.backbone

    def named_parameters(self) -> Iterator[Tuple[str, Any]]:
        """All parameters; those of the student by their own names."""
        names = {
            id(parameter): name
            for name, parameter in self.model.student.named_parameters()
        }
        for name, parameter in self.model.named_parameters():
            yield names.get(id(parameter), name), parameter
