# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch
from mmengine.registry import init_default_scope

import prcl_mmseg  # noqa: F401


@pytest.fixture(autouse=True)
def mmseg_scope() -> None:
    """Resolve types as MMSegmentation's runner does."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
