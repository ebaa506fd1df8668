# Copyright (c) prcl_mmseg authors. All rights reserved.
import logging
import traceback
from typing import Optional

import torch
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from .pipeline_check import is_loader, loads_masks


def unreadable_file(error: BaseException) -> Optional[str]:
    """Name the file that a loading transform failed to read.

    Args:
        error (BaseException): An error that came out of a pipeline.

    Returns:
        str: The image or mask and why it cannot be read; None if another
        transform, or none, raised the error.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        transform = frame.f_locals.get('self')
        if isinstance(transform, BaseTransform) and is_loader(transform):
            info = frame.f_locals.get('results') or {}
            name = 'seg_map_path' if loads_masks(transform) else 'img_path'
            return (f'{info.get(name)} cannot be read '
                    f'({type(error).__name__}: {error})')
    return unreadable_file(error.__cause__) if error.__cause__ else None


class BadFiles:
    """Counts the samples whose files a training could not read.

    The count is that of one training process and all its data workers, which
    share it; every process of a distributed training has its own.

    Args:
        num_samples (int): Samples of the data set.
        limit (int): How many of them may be unreadable.
        key (str): Config key of the limit, for messages.

    Raises:
        ValueError: If ``limit`` is no whole number from 0 on.
    """

    def __init__(self, num_samples: int, limit: int, key: str) -> None:
        if type(limit) is not int or limit < 0:
            raise ValueError(f'`{key}` must be a whole number from 0 on, but '
                             f'is {limit!r}. 0 makes every unreadable file '
                             'an error.')
        self.limit = limit
        self.key = key
        # Flags instead of a number: workers that meet the same file need not
        # agree on who counts it.
        self._met = torch.zeros(num_samples, dtype=torch.bool).share_memory_()

    def add(self, sample: int, reason: str, error: Exception) -> None:
        """Warn of a sample that another one replaces.

        Args:
            sample (int): Its number.
            reason (str): Its file and why it cannot be read.
            error (Exception): The error that says so.

        Raises:
            ValueError: If there are now more than allowed.
        """
        if self._met[sample]:
            return
        self._met[sample] = True
        count = int(self._met.sum())
        if count > self.limit:
            raise ValueError(
                f'{reason}. {count} samples could not be read, and '
                f'`{self.key}` allows {self.limit}. Replace the files, or '
                'take them out of the data; PreflightHook(decode=True) finds '
                'them all before the training.') from error
        print_log(
            f'{reason}. The next sample replaces it. {count} of at most '
            f'{self.limit} (`{self.key}`).',
            logger='current',
            level=logging.WARNING)
