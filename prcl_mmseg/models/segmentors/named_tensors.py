# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Iterator, Tuple

from torch import Tensor, nn


def named_tensors(module: nn.Module) -> Iterator[Tuple[str, Tensor]]:
    """Parameters and buffers that a checkpoint keeps, each once, by name.

    Much faster than a state dict. Other buffers are constants, such as masks
    of -inf, which nobody may average or call broken.
    """
    seen = set()
    for prefix, part in module.named_modules():
        constant = part._non_persistent_buffers_set
        for name, tensor in (*part.named_parameters(recurse=False),
                             *part.named_buffers(recurse=False)):
            if name not in constant and id(tensor) not in seen:
                seen.add(id(tensor))
                yield f'{prefix}.{name}' if prefix else name, tensor
