# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Which package a class comes from, and which of them are known here."""
from typing import Any

OWN_PACKAGE = __name__.split('.')[0]
# Their classes take what they say, and mean by it what they say.
KNOWN_PACKAGES = ('mmengine', 'mmcv', 'mmseg', 'torch', OWN_PACKAGE)


def package_of(kind: Any) -> str:
    """The package of a class or function; of anything else ''."""
    return getattr(kind, '__module__', '').split('.')[0]


def is_own(kind: Any) -> bool:
    """Whether a class is of this package."""
    return package_of(kind) == OWN_PACKAGE


def is_known(kind: Any) -> bool:
    """Whether a class is of this package or of those below it."""
    return package_of(kind) in KNOWN_PACKAGES
