# Copyright (c) prcl_mmseg authors. All rights reserved.
from importlib.metadata import PackageNotFoundError, distribution


def resolve_mmseg_bases() -> None:
    """Let ``_base_ = 'mmseg::...'`` find the files of any mmseg.

    MMEngine looks for a distribution called mmsegmentation. Where mmseg comes
    from another one, it has to look for the module instead.
    """
    from mmengine.config import utils
    try:
        distribution('mmsegmentation')
    except PackageNotFoundError:
        utils.MODULE2PACKAGE['mmseg'] = 'mmseg'
