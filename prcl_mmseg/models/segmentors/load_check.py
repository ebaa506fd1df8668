# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, List

from torch import Tensor, nn

from ...finite import not_finite
from ...value_check import listed


class LoadCheck:
    """Records which weights of a model a checkpoint did not fill.

    What a file lacks or has in another shape stays as it was, with no more
    than a warning. For a training to start from that is welcome, but
    predictions would be noise.
    """

    def __init__(self) -> None:
        self._faults: Dict[str, str] = {}

    def begin(self, parts: Dict[str, Dict[str, Tensor]], source: str) -> None:
        """Remember all tensors as they are before loading.

        Args:
            parts (dict[str, dict[str, Tensor]]): Tensors by name, of each
                part by name.
            source (str): What is loaded, for messages.
        """
        self._source = source
        # Writing to a tensor counts its version up.
        self._before = {
            part: {
                name: (tensor, tensor._version)
                for name, tensor in tensors.items()
            }
            for part, tensors in parts.items()
        }

    def end(self, parts: Dict[str, Dict[str, Tensor]]) -> List[str]:
        """Compare with :meth:`begin`, after loading.

        Args:
            parts (dict[str, dict[str, Tensor]]): As for :meth:`begin`.

        Returns:
            list[str]: The parts that the checkpoint did not fill.
        """
        self._faults = {}
        unfilled = []
        for part, before in self._before.items():
            after = parts[part]
            kept = [
                name for name, (tensor, version) in before.items()
                if after[name] is tensor and tensor._version == version
            ]
            broken = not_finite(after)
            if kept:
                unfilled.append(part)
                self._faults[part] = (
                    f'{self._source} has no fitting weights for '
                    f'{listed(kept)} of the {part}, which stay random')
            elif broken:
                self._faults[part] = (
                    f'{self._source} has NaN or infinite weights in '
                    f'{listed(broken)} of the {part}')
        self._before = {}
        return unfilled

    def forget(self) -> None:
        """Training makes up for what was not loaded."""
        self._faults = {}

    def require(self, *parts: str) -> None:
        """Raise an error unless parts of a model can predict.

        Raises:
            ValueError: Names the checkpoint and the weights.
        """
        for part in parts:
            if part in self._faults:
                raise ValueError(
                    f'{self._faults[part]}; predictions would mean nothing. '
                    'Give the config that the checkpoint was trained with '
                    '(method, network and `num_classes`), or another '
                    'checkpoint')


def learned(network: nn.Module) -> Dict[str, Tensor]:
    """What training changes in a network: all else is computed from config."""
    tensors = dict(network.named_parameters())
    for name, buffer in network.named_buffers():
        if name.endswith(('running_mean', 'running_var')):
            tensors[name] = buffer
    return tensors
