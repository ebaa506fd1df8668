# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Whether data loaders of a config, and their pipelines, can work."""
import inspect
from typing import Any, Iterable, Tuple

from mmengine.config import Config
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS, TRANSFORMS

from ..packages import is_known
from .config_parts import config_dicts


def check_loaders(cfg: Config, items: Iterable[Tuple[str, Any]]) -> None:
    """Raise ValueError for loaders that would mislead or never end.

    Args:
        cfg (Config): Config of a run.
        items (Iterable[tuple[str, Any]]): Keys and values of it to look at.
    """
    for key, value in items:
        loader, _, setting = key.partition('.')
        tests = loader in ('val_dataloader', 'test_dataloader')
        if tests and setting == 'drop_last' and value:
            raise ValueError(f'{key}=True would leave images out of the '
                             'scores; set it to False')
        if tests and setting == 'sampler.type' and value == 'InfiniteSampler':
            raise ValueError(f'{key}={value!r} would never end; use '
                             "'DefaultSampler'")
        if not isinstance(value, dict):
            continue
        if key.endswith('_dataloader'):
            _check_workers(key, value)
        _check_unwrapped(cfg, key, value)
        if 'pipeline' in value:
            _check_order(key, value)


def check_edges(cfg: Config) -> None:
    """Raise ValueError if PIDNet lacks edges, which a transform draws."""
    if all(part.get('type') != 'PIDHead' for part in config_dicts(cfg.model)):
        return
    names = [part.get('type') for part in config_dicts(cfg.train_dataloader)]
    kinds = [TRANSFORMS.get(name) for name in names if isinstance(name, str)]
    # One of the user's own may draw them, too.
    if 'GenerateEdge' not in names and all(
            kind is None or is_known(kind) for kind in kinds):
        raise ValueError(
            'train_dataloader.dataset: PIDHead learns from edges of the '
            "masks; put dict(type='GenerateEdge', edge_width=4) before "
            "PackSegInputs of the labelled images' pipeline")


def _check_workers(key: str, loader: dict) -> None:
    """Settings of worker processes where there are none."""
    if loader.get('num_workers', 0) != 0:
        return
    if loader.get('persistent_workers'):
        raise ValueError(
            f'{key}.persistent_workers=True, but {key}.num_workers=0: there '
            f'are no workers to keep; set {key}.persistent_workers=False, or '
            'num_workers above 0')
    if loader.get('prefetch_factor') is not None:
        raise ValueError(
            f'{key}.prefetch_factor={loader["prefetch_factor"]}, but '
            f'{key}.num_workers=0: nobody would fetch ahead; leave it out, '
            'or set num_workers above 0')


def _check_unwrapped(cfg: Config, key: str, value: dict) -> None:
    """What has two kinds of images is the outermost data set."""
    if key.startswith('train_dataloader.dataset.') and value.get(
            'type') == 'SemiSegDataset':
        raise ValueError(
            f"{key}.type='SemiSegDataset', but train_dataloader.dataset.type="
            f'{cfg.train_dataloader.dataset.get("type")!r}: a wrapper hides '
            'which images have masks; put it around '
            'train_dataloader.dataset.labeled or unlabeled')


def _check_order(key: str, dataset: dict) -> None:
    """Images are loaded first and packed last, if they are files."""
    kind = DATASETS.module_dict.get(dataset.get('type'))
    if not inspect.isclass(kind) or not issubclass(
            kind, BaseSegDataset) or not is_known(kind):
        return
    pipeline = dataset['pipeline']
    if not isinstance(pipeline, (list, tuple)):
        raise ValueError(f'{key}.pipeline={pipeline!r} must be a list of '
                         'transforms')
    names = [item.get('type') if isinstance(item, dict) else None
             for item in pipeline]
    kinds = [TRANSFORMS.get(name) if isinstance(name, str) else None
             for name in names]
    if 'PackSegInputs' in names:
        place = names.index('PackSegInputs')
        after = [name for name, kind in zip(names[place + 1:],
                                            kinds[place + 1:])
                 if is_known(kind)]
        if after:
            raise ValueError(f'{key}.pipeline: {after} stand behind '
                             'PackSegInputs; make that the last')
    first = str(names[0]) if names else ''
    # Wrappers such as RandomChoice may load in what they wrap.
    loads = first != 'LoadAnnotations' and 'Load' in first or 'transforms' in (
        pipeline[0] if names else ())
    if names and is_known(kinds[0]) and not loads:
        raise ValueError(f'{key}.pipeline begins with {names[0]}, which needs '
                         "an image; put dict(type='LoadImageFromFile') first")
