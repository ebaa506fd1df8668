# Copyright (c) prcl_mmseg authors. All rights reserved.
import logging
from typing import Any, Dict, List, NamedTuple, Optional

from mmengine.logging import print_log

from ..value_check import listed
from .check_cache import CheckCache
from .file_check import FileLook, check_files, shared_files
from .label_check import LabelSurvey, survey_labels
from .pipeline_check import leaf_datasets

_SHOWN = 10
_UNLABELED = 'train_dataloader.dataset.unlabeled'


class DataPart(NamedTuple):
    """A dataset to check.

    Attributes:
        dataset (Dataset): A dataset or a wrapper of datasets.
        ignore_index (int, optional): Label without class in its masks. None
            if masks are not needed.
    """
    dataset: Any
    ignore_index: Optional[int] = None


def check_data(parts: Dict[str, DataPart],
               num_classes: int,
               max_masks: Optional[int] = None,
               decode: bool = False,
               cache_file: Optional[str] = None) -> Dict[str, LabelSurvey]:
    """Check all files of a training or test before its first step.

    Of every local image header and end are read, and every mask is loaded as
    the pipeline does it. All faults are reported at once. Images that both
    training and validation show, whatever their names, and masks without a
    labelled pixel are warned of.

    Args:
        parts (dict[str, DataPart]): Datasets by the key of their config.
        num_classes (int): Number of classes.
        max_masks (int, optional): Look at the first so many masks of each
            part only. Defaults to None, all masks.
        decode (bool): Decode every image, which also finds damage in the
            middle of a file. Defaults to False.
        cache_file (str, optional): Where to keep what was found about files,
            so that unchanged ones are not read again. Defaults to None.

    Returns:
        dict[str, LabelSurvey]: What the masks of each part hold, where they
        are needed.

    Raises:
        ValueError: If a part is empty, an image or a mask cannot be used, or
            no mask of a part has a labelled pixel; names files, key and cure.
    """
    cache = CheckCache(cache_file)
    looks: Dict[str, Dict[str, Optional[FileLook]]] = {}
    surveys: Dict[str, LabelSurvey] = {}
    reports = []
    try:
        for key, (dataset, ignore_index) in parts.items():
            if not len(dataset):
                raise ValueError(empty_message(dataset, key))
            looks[key], faults = check_files(dataset, key, cache, decode)
            if ignore_index is not None:
                surveys[key] = survey_labels(dataset, num_classes,
                                             ignore_index, max_masks, key,
                                             cache, faults)
                faults = {**faults, **surveys[key].faults}
            if faults:
                reports.append(_report(key, list(faults.values())))
    finally:
        cache.save()
    if reports:
        raise ValueError('\n'.join(reports))
    _tell_of_remote(looks)
    for key, survey in surveys.items():
        _tell_of_void(key, survey)
    _tell_of_shared(looks)
    return surveys


def empty_message(dataset: Any, key: str) -> str:
    """What to say of a dataset without any image.

    Args:
        dataset: The dataset or wrapper of datasets.
        key (str): Where its config stands.
    """
    sources = '; '.join(
        f'ann_file={getattr(leaf, "ann_file", None)!r}, '
        f'data_prefix={getattr(leaf, "data_prefix", None)}, '
        f'img_suffix={getattr(leaf, "img_suffix", None)!r}'
        for leaf in leaf_datasets(dataset))
    return (f'`{key}` has no image ({sources}). Let `ann_file` be a list with '
            'at least one image, or `data_prefix` a folder with images that '
            'end in `img_suffix` (None: in any usual ending).')


def _report(key: str, faults: List[str]) -> str:
    lines = [f'`{key}`: {len(faults)} file(s) cannot be used:', *faults]
    if len(faults) > _SHOWN:
        lines[_SHOWN + 1:] = [f'... and {len(faults) - _SHOWN} more']
    return '\n  '.join(lines)


def _tell_of_remote(looks: Dict[str, dict]) -> None:
    remote = sum(
        look is None for part in looks.values() for look in part.values())
    if remote:
        print_log(
            f'{remote} images are not on the local disk and were not looked '
            'at. PreflightHook(decode=True) reads them all.',
            logger='current')


def _tell_of_void(key: str, survey: LabelSurvey) -> None:
    if not survey.void:
        return
    if not survey.pixels.any():
        raise ValueError(
            f'No mask of `{key}` has a labelled pixel: all pixels of all '
            f'{len(survey.void)} are to be ignored, {survey.void[0]} for one. '
            'Correct the masks, or `ignore_index`, `label_map` and '
            '`reduce_zero_label`.')
    _warn(f'`{key}`: {len(survey.void)} mask(s) have no labelled pixel and '
          f'count for nothing: {listed(survey.void, _SHOWN)}. Correct the '
          'masks, or take the images out of the list.')


def _tell_of_shared(looks: Dict[str, dict]) -> None:
    trained = [key for key in looks if key.startswith('train')]
    for scored in set(looks).difference(trained):
        for key in trained:
            pairs = shared_files(looks[scored], looks[key])
            if not pairs:
                continue
            names = [path if path == same else f'{path} (is {same})'
                     for path, same in pairs]
            cure = 'Take them out of one of the lists'
            if key == _UNLABELED:
                cure += (f', or name the list of `{scored}` in `exclude` of '
                         f'the UnlabeledDataset in `{key}`')
            _warn(f'{len(pairs)} of {len(looks[scored])} images of `{scored}` '
                  f'are in `{key}` as well, so that their scores say little '
                  f'about new images: {listed(names, _SHOWN)}. {cure}.')


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)
