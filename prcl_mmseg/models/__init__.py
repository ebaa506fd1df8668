# Copyright (c) prcl_mmseg authors. All rights reserved.
from .augment import *  # noqa: F401,F403
from .contrast import *  # noqa: F401,F403
from .data_preprocessors import *  # noqa: F401,F403
from .decode_heads import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .necks import *  # noqa: F401,F403
from .segmentors import *  # noqa: F401,F403
from .strategies import *  # noqa: F401,F403
from .structures import *  # noqa: F401,F403
from .terms import *  # noqa: F401,F403
