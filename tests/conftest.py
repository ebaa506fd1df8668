# Copyright (c) prcl_mmseg authors. All rights reserved.
import gc

import pytest
import torch
from mmengine.registry import init_default_scope

import prcl_mmseg  # noqa: F401


def pytest_collection_finish() -> None:
    """Leave what the packages have made out of each collection of garbage.

    MMEngine collects it once for every data set, and tests make many.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def mmseg_scope() -> None:
    """Resolve types as MMSegmentation's runner does."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
