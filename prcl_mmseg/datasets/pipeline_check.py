# Copyright (c) prcl_mmseg authors. All rights reserved.
import copy
from typing import Any, Iterator, List, Optional

from mmcv.transforms import LoadAnnotations
from mmengine.dataset import Compose
from mmseg.datasets.transforms import (LoadBiomedicalAnnotation,
                                       LoadBiomedicalData, RandomCrop)

from ..packages import is_known


def leaf_datasets(dataset: Any) -> List[Any]:
    """The datasets that hold the data infos, found through any wrappers.

    Args:
        dataset: A dataset, or a wrapper of datasets such as
            ``ConcatDataset``, ``RepeatDataset`` or ``MultiImageMixDataset``.

    Returns:
        list: The innermost datasets, in order.
    """
    parts = _parts(dataset)
    if not parts:
        return [dataset]
    return [leaf for part in parts for leaf in leaf_datasets(part)]


def find_mask_loader(dataset: Any) -> Optional[Any]:
    """Find the transform that loads masks.

    Args:
        dataset: A dataset or a wrapper of datasets.

    Returns:
        The first transform of the pipelines, wrapped transforms included,
        that reads ``seg_map_path``; None if there is none.
    """
    return next(filter(loads_masks, _transforms_of(dataset)), None)


def find_image_loader(dataset: Any) -> Optional[Any]:
    """Find the transform that loads images.

    Args:
        dataset: A dataset or a wrapper of datasets.

    Returns:
        The first loading transform of the pipelines, wrapped transforms
        included, if it isn't one that loads masks; otherwise None.
    """
    for transform in _transforms_of(dataset):
        if is_loader(transform):
            return None if loads_masks(transform) else transform
    return None


def pipeline_of_test(cfg: dict) -> List[Any]:
    """The transforms that load a test image.

    Args:
        cfg (Config): Of a training or a test.

    Returns:
        list: ``test_pipeline``, or else the pipeline of the test data.

    Raises:
        ValueError: If the config has neither.
    """
    data = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    pipeline = cfg.get('test_pipeline') or data.get('pipeline')
    if not pipeline:
        raise ValueError('`test_pipeline` is missing in the config; give the '
                         'transforms that load a test image')
    return pipeline


def maskless_pipeline(cfg: dict, tta: bool = False) -> Compose:
    """What loads a test image that has no mask.

    Args:
        cfg (Config): As for :func:`pipeline_of_test`.
        tta (bool): Take ``tta_pipeline``, which augments the image in several
            ways. Defaults to False.
    """
    pipeline = cfg['tta_pipeline'] if tta else pipeline_of_test(cfg)
    pipeline = Compose(copy.deepcopy(pipeline))
    for routine in augmentations(pipeline):
        routine.transforms = without_masks(routine)
    return Compose(without_masks(pipeline))


def augmentations(pipeline: Compose) -> List[Compose]:
    """What ``TestTimeAug`` in a pipeline does to an image, way by way."""
    return [
        routine for transform in pipeline.transforms
        for routine in getattr(transform, 'subroutines', ())
    ]


def without_masks(pipeline: Any) -> List[Any]:
    """The transforms of a pipeline that images without masks can take.

    Args:
        pipeline (Compose): The pipeline of a labelled dataset.

    Returns:
        list: Its transforms, without those that load masks.
    """
    return [
        transform for transform in pipeline.transforms
        if not loads_masks(transform)
    ]


def check_unlabeled_pipeline(dataset: Any) -> None:
    """Refuse a pipeline that needs masks for unlabelled images.

    Args:
        dataset: The unlabelled dataset or a wrapper of datasets.

    Raises:
        ValueError: If a transform loads masks, or crops by their content.
    """
    for transform in _transforms_of(dataset):
        if loads_masks(transform):
            raise ValueError(
                '`train_dataloader.dataset.unlabeled.pipeline` contains '
                f'{type(transform).__name__}, but unlabelled images have no '
                'masks. Remove it from that pipeline.')
        if isinstance(transform, RandomCrop) and transform.cat_max_ratio < 1:
            raise ValueError(
                '`train_dataloader.dataset.unlabeled.pipeline` contains '
                f'RandomCrop with cat_max_ratio={transform.cat_max_ratio}, '
                'which needs masks that unlabelled images do not have. Remove '
                '`cat_max_ratio` from that pipeline.')


def is_loader(transform: Any) -> bool:
    """Whether a transform loads images or masks, told by its name or type."""
    return type(transform).__name__.startswith('Load') or loads_masks(
        transform)


def is_stock(transform: Any) -> bool:
    """Whether a transform is of a package whose loaders are called Load..."""
    return is_known(type(transform))


def loads_masks(transform: Any) -> bool:
    """Whether a transform reads ``seg_map_path``."""
    if isinstance(transform, LoadBiomedicalData):
        return transform.with_seg
    return isinstance(transform, (LoadAnnotations, LoadBiomedicalAnnotation))


def _transforms_of(dataset: Any) -> Iterator[Any]:
    yield from _flatten(getattr(dataset, 'pipeline', ()))
    for part in _parts(dataset):
        yield from _transforms_of(part)


def _parts(dataset: Any) -> List[Any]:
    if hasattr(dataset, 'datasets'):
        return list(dataset.datasets)
    return [dataset.dataset] if hasattr(dataset, 'dataset') else []


def _flatten(node: Any) -> Iterator[Any]:
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from _flatten(child)
        return
    yield node
    for name in ('transforms', 'subroutines'):
        yield from _flatten(getattr(node, name, ()))
