# Copyright (c) prcl_mmseg authors. All rights reserved.
import logging
import os.path as osp
from numbers import Integral
from typing import Any, Dict, List, Sequence, Tuple, Union

from mmengine.logging import print_log
from mmseg.registry import DATASETS
from torch.utils.data import Dataset

from .bad_files import BadFiles, unreadable_file
from .data_check import empty_message
from .image_area import keep_image_area, mark_image_area
from .masks_beside_images import masks_among
from .path_check import build_dataset
from .pipeline_check import check_unlabeled_pipeline, leaf_datasets

_KEY = 'train_dataloader.dataset'


@DATASETS.register_module()
class SemiSegDataset(Dataset):
    r"""Labelled and unlabelled samples side by side in every item.

    A map-style dataset with a length, so that the ordinary samplers, epochs,
    shuffling and resuming work and the batch size is written once. With
    :math:`(n_l, n_u)` samples per item, sample :math:`k` of item :math:`i` is
    sample :math:`(i n + k) \bmod N` of its part, and the length is
    :math:`\max(\lceil N_u / n_u \rceil, \lceil N_l / n_l \rceil)`: an epoch
    shows every image of the larger part once.

    An item is ``dict(labeled=sample, unlabeled=sample)``; for a count above 1
    that part is ``dict(inputs=[...], data_samples=[...])``. Without unlabelled
    images an item is ``dict(labeled=sample)``, which is supervised training.
    Masks of unlabelled images are never opened: a pipeline that needs them is
    an error.

    A file that cannot be read in the middle of a training is named in a
    warning, and the next sample of its part takes its place. Only errors of
    transforms that load files count, those whose name begins with ``Load``.

    Args:
        labeled (dict or Dataset): The labelled dataset or its config; any
            mmseg dataset.
        unlabeled (dict or Dataset, optional): The unlabelled dataset or its
            config; any mmseg dataset. Defaults to None.
        samples_per_item (Sequence[int]): Labelled and unlabelled samples of an
            item. Defaults to (1, 1).
        max_bad_files (int): How many different samples each training process
            may replace because their files cannot be read; one more is an
            error. Its data workers share the count, which starts anew with
            every run. Defaults to 10.

    Raises:
        FileNotFoundError: If a list, folder or file of a part does not exist.
        ValueError: If the labelled set is empty, the counts are not two
            positive integers, ``max_bad_files`` is no number from 0 on, the
            unlabelled pipeline needs masks, or unlabelled files are masks.
        TypeError: If a part is neither a config nor a dataset.

    Example:
        >>> load = dict(type='LoadImageFromFile')
        >>> pack = dict(type='PackSegInputs')
        >>> dataset = SemiSegDataset(
        ...     labeled=dict(
        ...         type='DemoSegDataset', split='labeled',
        ...         pipeline=[load, dict(type='LoadAnnotations'), pack]),
        ...     unlabeled=dict(
        ...         type='DemoSegDataset', split='unlabeled',
        ...         pipeline=[load, pack]))
        >>> sorted(dataset[0])
        ['labeled', 'unlabeled']
    """

    def __init__(self,
                 labeled: Union[dict, Dataset],
                 unlabeled: Union[dict, Dataset, None] = None,
                 samples_per_item: Sequence[int] = (1, 1),
                 max_bad_files: int = 10) -> None:
        self.samples_per_item = _checked_counts(samples_per_item)
        self.max_bad_files = max_bad_files
        self.labeled = _build(labeled, 'labeled')
        self.unlabeled = None
        if unlabeled is not None:
            self.unlabeled = _build(unlabeled, 'unlabeled')
            check_unlabeled_pipeline(self.unlabeled)
            mark_image_area(self.unlabeled)
        self._fully_initialized = False
        self.full_init()

    @property
    def metainfo(self) -> dict:
        """dict: The labelled dataset's meta information."""
        return self.labeled.metainfo

    def full_init(self) -> None:
        """Initialise both parts, check them and log their sizes, once."""
        if self._fully_initialized:
            return
        for part in (self.labeled, self.unlabeled):
            if hasattr(part, 'full_init'):
                part.full_init()
        if len(self.labeled) == 0:
            raise ValueError(empty_message(self.labeled, f'{_KEY}.labeled'))
        if self.unlabeled is not None and len(self.unlabeled) == 0:
            self.unlabeled = None
        unlabeled = []
        if self.unlabeled is not None:
            unlabeled = _image_paths(self.unlabeled)
            _refuse_masks(self.labeled, unlabeled)
        self._bad_files = BadFiles(
            sum(len(part) for part, _ in self.parts().values()),
            self.max_bad_files, f'{_KEY}.max_bad_files')
        self._fully_initialized = True
        self._log_sizes(unlabeled)

    def __len__(self) -> int:
        """The number of items: one pass over the larger part."""
        return max(
            -(-len(part) // count) for part, count in self.parts().values())

    def __getitem__(self, index: int) -> Dict[str, dict]:
        """Load the samples of one item.

        Args:
            index (int): Item index, negative from the end.

        Returns:
            dict: ``labeled`` and, where there are unlabelled images,
            ``unlabeled``.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f'Item {index} of a SemiSegDataset with '
                             f'{len(self)} items.')
        index %= len(self)
        return {
            name: self._take(name, part, index * count, count)
            for name, (part, count) in self.parts().items()
        }

    def parts(self) -> Dict[str, Tuple[Dataset, int]]:
        """Images, and how many an item has, of 'labeled' and 'unlabeled'."""
        parts = dict(labeled=(self.labeled, self.samples_per_item[0]))
        if self.unlabeled is not None:
            parts['unlabeled'] = (self.unlabeled, self.samples_per_item[1])
        return parts

    def _take(self, name: str, part: Dataset, start: int, count: int) -> dict:
        samples = [
            self._readable_sample(name, part, start + offset)
            for offset in range(count)
        ]
        if count == 1:
            return samples[0]
        return {key: [sample[key] for sample in samples] for key in samples[0]}

    def _readable_sample(self, name: str, part: Dataset,
                         index: int) -> Dict[str, Any]:
        for offset in range(len(part)):
            place = (index + offset) % len(part)
            try:
                return _checked_sample(name, part, place)
            except Exception as error:
                reason = unreadable_file(error)
                if reason is None:
                    raise
                before = 0 if name == 'labeled' else len(self.labeled)
                self._bad_files.add(before + place, reason, error)
        raise ValueError(f'No file of `{_KEY}.{name}` can be read.')

    def _log_sizes(self, unlabeled: List[str]) -> None:
        if self.unlabeled is None:
            message = (f'SemiSegDataset: {len(self.labeled)} labelled and no '
                       'unlabelled images: supervised training with '
                       f'{self.samples_per_item[0]} sample(s) per item, '
                       f'{len(self)} items.')
            print_log(message, logger='current', level=logging.WARNING)
            return
        labeled, unlabeled = (
            set(map(osp.abspath, paths))
            for paths in (_image_paths(self.labeled), unlabeled))
        shared = labeled & unlabeled
        print_log(
            f'SemiSegDataset: {len(self.labeled)} labelled and '
            f'{len(self.unlabeled)} unlabelled images ({len(shared)} in '
            f'both), {self.samples_per_item[0]} + {self.samples_per_item[1]} '
            f'samples per item, {len(self)} items.',
            logger='current')


def _checked_counts(counts: Sequence[int]) -> tuple:
    valid = (
        isinstance(counts, (list, tuple)) and len(counts) == 2 and all(
            isinstance(count, Integral) and not isinstance(count, bool)
            and count > 0 for count in counts))
    if not valid:
        raise ValueError(
            f'`{_KEY}.samples_per_item` must be two positive integers, '
            f'(labelled, unlabelled), but is {counts!r}. For supervised '
            f'training set `{_KEY}.unlabeled=None`.')
    return tuple(counts)


def _build(part: Union[dict, Dataset], name: str) -> Dataset:
    if isinstance(part, dict):
        return build_dataset(part, f'{_KEY}.{name}', masks=name == 'labeled')
    if hasattr(part, '__getitem__') and hasattr(part, '__len__') and \
            not isinstance(part, (str, bytes, list, tuple)):
        return part
    raise TypeError(f'`{_KEY}.{name}` must be a dataset config or a dataset, '
                    f'but is {part!r}.')


def _checked_sample(name: str, part: Dataset, index: int) -> Dict[str, Any]:
    sample = part[index]
    if sample is None:
        raise ValueError(
            f'`{_KEY}.{name}` gave None instead of sample {index}: its '
            'pipeline rejected the image. Remove the image from the list or '
            'the transform that rejects it.')
    if not isinstance(sample, dict) or not {'inputs', 'data_samples'
                                            } <= set(sample):
        raise ValueError(
            f'Sample {index} of `{_KEY}.{name}` lacks `inputs` and '
            '`data_samples`. End its pipeline with '
            "dict(type='PackSegInputs').")
    return keep_image_area(sample) if name == 'unlabeled' else sample


def _refuse_masks(labeled: Dataset, unlabeled: List[str]) -> None:
    masks = masks_among(unlabeled, labeled)
    if masks:
        raise ValueError(
            f'`{_KEY}.unlabeled` has {len(masks)} files that are masks, '
            f'{masks[0]} for one. Set its `img_suffix` to the ending of the '
            'images, or its `ann_file` to a list of images, as '
            'tools/dataset_converters/semi_splits.py makes it.')


def _image_paths(dataset: Dataset) -> List[str]:
    paths: List[str] = []
    for leaf in leaf_datasets(dataset):
        if hasattr(leaf, 'get_data_info'):
            infos = map(leaf.get_data_info, range(len(leaf)))
            paths.extend(info['img_path'] for info in infos
                         if 'img_path' in info)
    return paths
