# Copyright (c) prcl_mmseg authors. All rights reserved.
import logging
from typing import (Any, Container, Dict, Iterator, List, Mapping, NamedTuple,
                    Optional, Sequence, Tuple)

import numpy as np
from mmengine.logging import print_log

from ..value_check import listed
from .check_cache import CheckCache
from .mask_reader import MaskReader
from .pipeline_check import leaf_datasets
from .thread_map import thread_map


class LabelSurvey(NamedTuple):
    """What the masks of a dataset hold.

    Attributes:
        pixels (np.ndarray): Labelled pixels per class, shape (num_classes, ),
            int64.
        void (list[str]): Masks without any labelled pixel.
        faults (dict[str, str]): What is wrong with masks that cannot be used,
            by path of the mask, or of an image that has none.
    """
    pixels: np.ndarray
    void: List[str]
    faults: Dict[str, str]


def survey_labels(dataset: Any,
                  num_classes: int,
                  ignore_index: int = 255,
                  max_images: Optional[int] = None,
                  key: str = 'train_dataloader.dataset.labeled',
                  cache: Optional[CheckCache] = None,
                  skipped: Container[str] = ()) -> LabelSurvey:
    """Read masks as the training will, and count the pixels per class.

    Args:
        dataset: A labelled mmseg dataset or a wrapper of such datasets.
        num_classes (int): Number of classes.
        ignore_index (int): Label without class. Defaults to 255.
        max_images (int, optional): Look at the first so many masks only.
            Defaults to None, all masks.
        key (str): Where the dataset's config stands, for messages.
        cache (CheckCache, optional): Spares a second look at files that have
            not changed. Defaults to None.
        skipped (Container[str]): Images that cannot be read, whose masks are
            left out. Defaults to ().

    Returns:
        LabelSurvey: What was found.

    Raises:
        ValueError: If the pipeline loads no masks.
    """
    leaves = leaf_datasets(dataset)
    places = [(leaf, index) for leaf in leaves for index in range(len(leaf))]
    places = places[:max_images]
    readers = {id(leaf): MaskReader(leaf, key, cache) for leaf in leaves}

    def look(number: int) -> Optional[tuple]:
        leaf, index = places[number]
        info = leaf.get_data_info(index)
        if info.get('img_path') in skipped:
            return None
        path = info.get('seg_map_path', info.get('img_path'))
        try:
            counted = readers[id(leaf)](info)
            return path, _class_pixels(info, *counted, num_classes,
                                       ignore_index)
        except ValueError as error:
            return path, error

    pixels = np.zeros(num_classes, dtype=np.int64)
    void, faults = [], {}
    found = thread_map(look, len(places), f'Checking the masks of `{key}`')
    for path, result in filter(None, found):
        if isinstance(result, ValueError):
            faults[path] = str(result)
            continue
        pixels += result
        if not result.any():
            void.append(path)
    return LabelSurvey(pixels, void, faults)


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
    survey = survey_labels(dataset, num_classes, ignore_index, max_images)
    for fault in survey.faults.values():
        raise ValueError(fault)
    return survey.pixels


def class_pixels(dataset: Any,
                 num_classes: int,
                 ignore_index: int = 255) -> Iterator[Tuple[dict, np.ndarray]]:
    """Check the labels of one image after the other and count its pixels.

    Args:
        dataset: A labelled mmseg dataset or a wrapper of such datasets.
        num_classes (int): Number of classes.
        ignore_index (int): Label without class. Defaults to 255.

    Yields:
        tuple[dict, np.ndarray]: The data info of an image, and its labelled
        pixels per class, shape (num_classes, ), int64.

    Raises:
        ValueError: If the pipeline loads no masks, a mask cannot be read, is
            not a single channel, loses bits when it is loaded, is of another
            size than its image, or holds a value that is neither in
            [0, num_classes) nor ``ignore_index``.
    """
    for leaf in leaf_datasets(dataset):
        reader = MaskReader(leaf, 'train_dataloader.dataset.labeled')
        for index in range(len(leaf)):
            info = leaf.get_data_info(index)
            yield info, _class_pixels(info, *reader(info), num_classes,
                                      ignore_index)


def check_class_count(dataset_metainfo: Mapping[str, Any],
                      num_classes: int,
                      key: str = 'train_dataloader.dataset') -> None:
    """Compare the dataset's classes with the model's.

    Args:
        dataset_metainfo (Mapping): The dataset's ``metainfo``.
        num_classes (int): Number of classes the model predicts.
        key (str): Where the dataset's config stands, for messages.

    Raises:
        ValueError: If ``classes`` is missing or of another length.
    """
    classes = dataset_metainfo.get('classes')
    if classes is None:
        raise ValueError(
            f'`metainfo.classes` of `{key}` is not set, while '
            f'`model.num_classes` is {num_classes}. Set '
            '`metainfo=dict(classes=(...))` of the dataset to the class '
            'names.')
    if len(classes) != num_classes:
        raise ValueError(
            f'`model.num_classes` is {num_classes}, but '
            f'`metainfo.classes` of `{key}` names {len(classes)} classes: '
            f'{listed(classes)}. Set `model.num_classes={len(classes)}`, or '
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
                         f'`classes` names {len(names)}: {listed(names)}. '
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


def _class_pixels(info: dict, values: Sequence[int], counts: Sequence[int],
                  num_classes: int, ignore_index: int) -> np.ndarray:
    pixels = np.zeros(num_classes, dtype=np.int64)
    wrong = []
    for value, count in zip(values, counts):
        if value == ignore_index:
            continue
        if 0 <= value < num_classes:
            pixels[value] = count
        else:
            wrong.append(value)
    if wrong:
        raise ValueError(
            f'The mask {info["seg_map_path"]} holds the values '
            f'{listed(wrong)}, but labels must lie in '
            f'[0, {num_classes - 1}] (num_classes={num_classes}) or equal '
            f'ignore_index={ignore_index}. '
            f'{_cure(wrong, num_classes, ignore_index)}')
    return pixels


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
