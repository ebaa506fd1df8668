# Copyright (c) prcl_mmseg authors. All rights reserved.
"""mmseg's data sets, read from the split lists in circulation.

``SplitPotsdamDataset`` is a :class:`SplitSegDataset` with the classes,
palette, endings of files and ``reduce_zero_label`` of ``PotsdamDataset``, and
so on for all data sets of mmseg that have no more of their own than these.
``SplitVOCDataset`` is that of ``PascalVOCDataset``.
"""
import inspect
from typing import Any, Dict, Iterator

import mmseg.datasets
from mmseg.datasets import BaseSegDataset, PascalVOCDataset
from mmseg.registry import DATASETS

from .split_dataset import SplitSegDataset

_OWN_NAMES = {PascalVOCDataset: 'VOCDataset'}
_SETTINGS = ('img_suffix', 'seg_map_suffix', 'reduce_zero_label')


def _stock_datasets() -> Iterator[type]:
    """Those of mmseg that find images and masks as all others do."""
    for kind in vars(mmseg.datasets).values():
        if (inspect.isclass(kind) and issubclass(kind, BaseSegDataset)
                and kind.METAINFO.get('palette')
                and kind.load_data_list is BaseSegDataset.load_data_list
                and {'img_suffix', 'seg_map_suffix'} <= set(_defaults(kind))):
            yield kind


def _defaults(kind: type) -> Dict[str, Any]:
    parameters = inspect.signature(kind).parameters
    return {
        name: parameters[name].default
        for name in _SETTINGS if name in parameters
    }


def _split_version(stock: type) -> type:
    defaults = _defaults(stock)

    def __init__(self, **kwargs) -> None:
        SplitSegDataset.__init__(self, **{**defaults, **kwargs})

    return type(
        f'Split{_OWN_NAMES.get(stock, stock.__name__)}', (SplitSegDataset, ),
        dict(
            METAINFO=stock.METAINFO,
            __init__=__init__,
            __module__=__name__,
            __doc__=f'``{stock.__name__}`` of mmseg, read from split lists.'))


# Of each class, that of mmseg.
STOCK = {_split_version(kind): kind for kind in _stock_datasets()}
for _kind in STOCK:
    DATASETS.register_module(module=_kind)
# Data workers find classes by their names.
globals().update({kind.__name__: kind for kind in STOCK})
__all__ = ['STOCK', *(kind.__name__ for kind in STOCK)]
