# Copyright (c) prcl_mmseg authors. All rights reserved.
import logging
from typing import Any, Iterator, Mapping, Optional, Sequence, Tuple

import numpy as np
from mmengine.logging import print_log

from .image_check import image_size
from .mask_file import refuse_cut_labels
from .pipeline_check import (find_image_loader, find_mask_loader,
                             leaf_datasets)


def check_labels(dataset: Any,
                 num_classes: int,
                 ignore_index: int = 255,
                 max_images: Optional[int] = None) -> np.ndarray:
    """Check every label before training and count the pixels per class.

    A label outside the classes otherwise ends in a device-side assertion that
    names no file. Masks are read by the dataset's own ``LoadAnnotations``, so
    ``label_map``, ``reduce_zero_label`` and ``imdecode_backend`` count.

    Args:
        dataset: A labelled mmseg dataset or a wrapper of such datasets.
        num_classes (int): Number of classes the model predicts.
        ignore_index (int): Label without class. Defaults to 255.
        max_images (int, optional): Look at the first so many masks only.
            Defaults to None, all masks.

    Returns:
        np.ndarray: Labelled pixels per class, shape (num_classes, ), int64.

    Raises:
        ValueError: As :func:`class_pixels`.
    """
    histogram = np.zeros(num_classes, dtype=np.int64)
    for _, pixels in class_pixels(dataset, num_classes, ignore_index,
                                  max_images):
        histogram += pixels
    return histogram


def class_pixels(
        dataset: Any,
        num_classes: int,
        ignore_index: int = 255,
        max_images: Optional[int] = None
) -> Iterator[Tuple[dict, np.ndarray]]:
    """Check the labels of one image after the other and count its pixels.

    Args:
        dataset: A labelled mmseg dataset or a wrapper of such datasets.
        num_classes (int): Number of classes.
        ignore_index (int): Label without class. Defaults to 255.
        max_images (int, optional): Look at the first so many masks only.
            Defaults to None, all masks.

    Yields:
        tuple[dict, np.ndarray]: The data info of an image, and its labelled
        pixels per class, shape (num_classes, ), int64.

    Raises:
        ValueError: If the pipeline loads no masks, a mask cannot be read, is
            not a single channel, loses bits when it is loaded, is of another
            size than its image, or holds a value that is neither in
            [0, num_classes) nor ``ignore_index``.
    """
    for info, mask in _masks(dataset, max_images):
        values, counts = np.unique(mask, return_counts=True)
        labelled = values != ignore_index
        inside = (values >= 0) & (values < num_classes)
        wrong = values[labelled & ~inside].tolist()
        if wrong:
            raise ValueError(
                f'The mask {info["seg_map_path"]} holds the values '
                f'{_shorten(wrong)}, but labels must lie in '
                f'[0, {num_classes - 1}] (num_classes={num_classes}) or equal '
                f'ignore_index={ignore_index}. '
                f'{_cure(wrong, num_classes, ignore_index)}')
        keep = labelled & inside
        pixels = np.zeros(num_classes, dtype=np.int64)
        pixels[values[keep]] = counts[keep]
        yield info, pixels


def check_class_count(dataset_metainfo: Mapping[str, Any],
                      num_classes: int) -> None:
    """Compare the dataset's classes with the model's.

    Args:
        dataset_metainfo (Mapping): The dataset's ``metainfo``.
        num_classes (int): Number of classes the model predicts.

    Raises:
        ValueError: If ``classes`` is missing or of another length.
    """
    classes = dataset_metainfo.get('classes')
    if classes is None:
        raise ValueError(
            'The dataset\'s `metainfo.classes` is not set, while '
            f'`model.num_classes` is {num_classes}. Set '
            '`metainfo=dict(classes=(...))` of the dataset to the class '
            'names.')
    if len(classes) != num_classes:
        raise ValueError(
            f'`model.num_classes` is {num_classes}, but the '
            f'dataset\'s `metainfo.classes` names {len(classes)} classes: '
            f'{_shorten(classes)}. Set `model.num_classes={len(classes)}`, or '
            'correct `metainfo.classes`.')


def log_class_histogram(histogram: np.ndarray,
                        classes: Optional[Sequence[str]] = None) -> None:
    """Log the share of each class and warn of classes without a pixel.

    Args:
        histogram (np.ndarray): Labelled pixels per class, from
            :func:`check_labels`.
        classes (Sequence[str], optional): Class names. Defaults to None, the
            class numbers.
    """
    histogram = np.asarray(histogram)
    names = [str(name) for name in classes or range(len(histogram))]
    if len(names) != len(histogram):
        raise ValueError(f'`histogram` has {len(histogram)} classes but '
                         f'`classes` names {len(names)}: {_shorten(names)}. '
                         'Pass the names of the same dataset.')
    width = max(map(len, ['class', *names]))
    total = max(int(histogram.sum()), 1)
    rows = [f'{"class":<{width}}  {"pixels":>12}  {"share":>7}']
    rows += [
        f'{name:<{width}}  {count:>12}  {count / total:>7.2%}'
        for name, count in zip(names, histogram.tolist())
    ]
    print_log(
        'Labelled pixels per class:\n' + '\n'.join(rows), logger='current')
    absent = [name for name, count in zip(names, histogram) if count == 0]
    if absent:
        hint = ''
        if len(absent) == len(names) - 1 and histogram[0] > 0:
            hint = (' Everything is of the first class: if the masks are '
                    '0/255, set `label_map={255: 1}` of the SplitSegDataset '
                    'or rewrite 255 as 1, since 255 is ignored.')
        print_log(
            f'No labelled pixel of: {", ".join(absent)}. The model cannot '
            f'learn these classes; label an image that shows them.{hint}',
            logger='current',
            level=logging.WARNING)


def _masks(dataset: Any,
           max_images: Optional[int]) -> Iterator[Tuple[dict, np.ndarray]]:
    seen = 0
    for leaf in leaf_datasets(dataset):
        loader = find_mask_loader(leaf)
        if loader is None:
            raise ValueError(
                f'The pipeline of the labelled {type(leaf).__name__} '
                '(`train_dataloader.dataset.labeled.pipeline`) loads no '
                "masks. Add dict(type='LoadAnnotations') after "
                "dict(type='LoadImageFromFile').")
        image_loader = find_image_loader(leaf)
        for index in range(len(leaf)):
            if max_images is not None and seen >= max_images:
                return
            seen += 1
            info = leaf.get_data_info(index)
            mask = _load_mask(loader, info)
            if image_loader is not None:
                _check_size(mask, info, image_size(image_loader, info))
            yield info, mask


def _check_size(mask: np.ndarray, info: dict, size: Tuple[int, int]) -> None:
    if mask.shape != size:
        raise ValueError(
            f'The mask {info["seg_map_path"]} is {mask.shape[0]} x '
            f'{mask.shape[1]} (height x width), but its image '
            f'{info["img_path"]} is {size[0]} x {size[1]}. They must be of '
            'the same size: correct the file, or the list or folders that '
            'pair them. (An image with an EXIF rotation is turned when it is '
            'loaded, its mask is not: store it upright.)')


def _load_mask(loader: Any, info: dict) -> np.ndarray:
    path = info.get('seg_map_path')
    if path is None:
        raise ValueError(
            f'The labelled image {info.get("img_path")} has no mask. Add a '
            "mask column to the list or set `data_prefix['seg_map_path']`.")
    refuse_cut_labels(path, loader)
    try:
        mask = np.asarray(loader(dict(info))['gt_seg_map'])
    except Exception as error:
        raise ValueError(
            f'The mask {path} cannot be read by {type(loader).__name__} '
            f'({type(error).__name__}: {error}). Replace the file or set '
            '`imdecode_backend` of that transform.') from error
    if mask.ndim != 2:
        raise ValueError(
            f'The mask {path} has shape {mask.shape}, but a mask holds one '
            'class number per pixel, shape (height, width). Convert colours '
            'to class numbers and save a single-channel PNG.')
    return mask


def _cure(wrong: Sequence[int], num_classes: int, ignore_index: int) -> str:
    if wrong == [255]:
        return ('If 255 marks pixels without class, set `ignore_index=255`; '
                'if the masks are 0/255, set `label_map={255: 1}` of the '
                'SplitSegDataset, or rewrite 255 as 1.')
    if wrong == [num_classes]:
        return ('If labels start at 1 and 0 means no class, set '
                '`reduce_zero_label=True` of the dataset; otherwise '
                '`num_classes` is too small.')
    return ('Set `num_classes` to the number of classes, give the classes of '
            'other values in `label_map` of the SplitSegDataset, rewrite the '
            'masks (JPEG and 0/255 masks hold no class numbers), set '
            '`reduce_zero_label=True` if labels start at 1, or set '
            f'`ignore_index` (now {ignore_index}) to the label without '
            'class.')


def _shorten(values: Sequence[Any]) -> str:
    shown = ', '.join(map(str, values[:10]))
    return f'{shown}, ...' if len(values) > 10 else shown
