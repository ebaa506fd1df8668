# Copyright (c) prcl_mmseg authors. All rights reserved.
import random
from contextlib import contextmanager
from typing import Iterator

import numpy as np
import torch


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put the states of all random generators back afterwards."""
    states = random.getstate(), np.random.get_state()
    devices = []
    if torch.cuda.is_available():
        devices = [torch.cuda.current_device()]
    with torch.random.fork_rng(devices):
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
