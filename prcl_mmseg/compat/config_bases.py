# Copyright (c) prcl_mmseg authors. All rights reserved.
from importlib.metadata import PackageNotFoundError, distribution


def resolve_mmseg_bases() -> None:
    """Let ``_base_ = 'mmseg::...'`` find the files of any mmseg.

    MMEngine looks for a distribution called mmsegmentation. Where mmseg comes
    from another one, it has to look for the module instead. The configs of
    this package can be named in the same way, ``prcl_mmseg::prcl/...``.
    """
    from mmengine.config import utils
    utils.MODULE2PACKAGE['prcl_mmseg'] = 'prcl_mmseg'
    try:
        distribution('mmsegmentation')
    except PackageNotFoundError:
        utils.MODULE2PACKAGE['mmseg'] = 'mmseg'
