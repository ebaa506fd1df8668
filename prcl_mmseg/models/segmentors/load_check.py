# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, Iterator, List, Tuple

from torch import Tensor, nn

from ...finite import not_finite


class LoadCheck:
    """Knows what a checkpoint did not give to the networks that it fills.

    What a file lacks or has in another shape stays as it was, with no more
    than a warning. For a training to start from that is welcome, but
    predictions would be noise.
    """

    def __init__(self) -> None:
        self._faults: Dict[str, str] = {}

    def begin(self, networks: Dict[str, nn.Module], source: str) -> None:
        """Remember all learned tensors as they are before loading.

        Args:
            networks (dict[str, nn.Module]): Networks by role.
            source (str): What is loaded, for messages.
        """
        self._source = source
        # Writing to a tensor counts its version up.
        self._before = {
            role: {
                name: (tensor, tensor._version)
                for name, tensor in _learned(network)
            }
            for role, network in networks.items()
        }

    def end(self, networks: Dict[str, nn.Module]) -> None:
        """Compare with :meth:`begin`, after loading."""
        self._faults = {}
        for role, before in self._before.items():
            after = dict(_learned(networks[role]))
            kept = [
                name for name, (tensor, version) in before.items()
                if after[name] is tensor and tensor._version == version
            ]
            broken = not_finite(after)
            if kept:
                self._faults[role] = (
                    f'{self._source} has no fitting weights for {_list(kept)} '
                    f'of the {role}, which stay random')
            elif broken:
                self._faults[role] = (
                    f'{self._source} has NaN or infinite weights in '
                    f'{_list(broken)} of the {role}')
        self._before = {}

    def forget(self) -> None:
        """Training makes up for what was not loaded."""
        self._faults = {}

    def require(self, role: str) -> None:
        """Raise an error unless a network can predict.

        Raises:
            ValueError: Names the checkpoint and the weights.
        """
        if role in self._faults:
            raise ValueError(
                f'{self._faults[role]}; its predictions would mean nothing. '
                'Give the config that the checkpoint was trained with (method,'
                ' network and `num_classes`), or another checkpoint')


def _learned(network: nn.Module) -> Iterator[Tuple[str, Tensor]]:
    yield from network.named_parameters()
    for name, buffer in network.named_buffers():
        if name.endswith(('running_mean', 'running_var')):
            yield name, buffer


def _list(names: List[str]) -> str:
    more = f' and {len(names) - 5} more' if len(names) > 5 else ''
    return ', '.join(names[:5]) + more
