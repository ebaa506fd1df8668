# Copyright (c) prcl_mmseg authors. All rights reserved.
import logging
from typing import Any, Optional, Tuple

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.logging import print_log
from PIL import Image

from .pipeline_check import find_image_loader, leaf_datasets

_ORIENTATION = 0x0112
_UPRIGHT = 1


def image_size(loader: Any, info: dict) -> Tuple[int, int]:
    """Height and width of an image as the pipeline will see it.

    Reads the header of the file where that tells, the whole file where it
    does not.

    Args:
        loader: The transform that loads images.
        info (dict): The data info of the image.

    Returns:
        tuple[int, int]: Height and width in pixels.

    Raises:
        ValueError: If the image cannot be read; names the file.
    """
    if isinstance(loader, LoadImageFromFile):
        try:
            with Image.open(info['img_path']) as image:
                if image.getexif().get(_ORIENTATION, _UPRIGHT) == _UPRIGHT:
                    return image.size[::-1]
        except Exception:
            # Not local, too large for Pillow, or of a format that only the
            # loader knows.
            pass
    return tuple(load_image(loader, info).shape[:2])


def load_image(loader: Any, info: dict) -> np.ndarray:
    """Load an image by the pipeline's own transform.

    Args:
        loader: The transform that loads images.
        info (dict): The data info of the image.

    Returns:
        np.ndarray: The image, shape (height, width) or
        (height, width, channels).

    Raises:
        ValueError: If the image cannot be read; names the file.
    """
    try:
        return np.asarray(loader(dict(info))['img'])
    except Exception as error:
        raise ValueError(
            f'The image {info.get("img_path")} cannot be read by '
            f'{type(loader).__name__} ({type(error).__name__}: {error}). '
            'Replace the file, or the transform by one that reads such files '
            '(LoadMultiChannelImage reads any number of channels).'
        ) from error


def check_images(dataset: Any,
                 key: str,
                 model_channels: Optional[int] = None,
                 mean_values: Optional[int] = None) -> None:
    """Compare the first image of a dataset with what the model expects.

    Args:
        dataset: A dataset or a wrapper of datasets.
        key (str): Where its config stands, such as
            ``train_dataloader.dataset.labeled``.
        model_channels (int, optional): Input channels of the backbone.
            Defaults to None, unknown.
        mean_values (int, optional): How many values the preprocessor's mean
            has; a single one serves any image. Defaults to None, no mean.

    Raises:
        ValueError: If the image cannot be read or does not fit; names the
            file, the config key, both values and the cure.
    """
    for leaf in leaf_datasets(dataset):
        loader = find_image_loader(leaf)
        if loader is None or not len(leaf):
            continue
        info = leaf.get_data_info(0)
        image = load_image(loader, info)
        if image.ndim > 3:
            continue
        channels = image.shape[2] if image.ndim == 3 else 1
        shown = (f'`{key}` gives images of {channels} channel(s) '
                 f'({info["img_path"]} by {type(loader).__name__})')
        if model_channels not in (None, channels):
            raise ValueError(
                f'{shown}, but the backbone takes {model_channels}. Set '
                f'`model.segmentor.backbone.in_channels={channels}`, or load '
                'the images otherwise: `color_type` of LoadImageFromFile, '
                '`channels` of LoadMultiChannelImage.')
        if mean_values not in (None, 1, channels):
            raise ValueError(
                f'{shown}, but `model.segmentor.data_preprocessor.mean` has '
                f'{mean_values} values. Give one mean and one std per '
                'channel.')
        _check_depth(image, info, key, loader)


def check_mask_size(dataset: Any, key: str) -> None:
    """Refuse a pipeline that resizes the masks to compare predictions with.

    Predictions are as large as the image in its file.

    Args:
        dataset: A dataset or a wrapper of datasets; its first sample is
            loaded.
        key (str): Where its config stands, such as
            ``val_dataloader.dataset``.

    Raises:
        ValueError: Names the file, both sizes and the cure.
    """
    if not len(dataset):
        return
    samples = dataset[0]['data_samples']
    for sample in samples if isinstance(samples, list) else [samples]:
        original = sample.metainfo.get('ori_shape')
        if original is None or 'gt_sem_seg' not in sample:
            continue
        size = tuple(sample.gt_sem_seg.data.shape[-2:])
        # Of a volume these are the last two sides.
        if size != tuple(original)[-2:]:
            raise ValueError(
                f'`{key}.pipeline` gives a mask of {size} (height, width) for '
                f'{sample.metainfo.get("img_path")}, but predictions have the '
                f'size of the image, {tuple(original)}. Put LoadAnnotations '
                'behind Resize, and leave crops and rotations out.')


def _check_depth(image: np.ndarray, info: dict, key: str,
                 loader: Any) -> None:
    if image.dtype.kind in 'ui' and image.dtype.itemsize > 1:
        raise ValueError(
            f'`{key}` gives {image.dtype} images ({info["img_path"]}), which '
            f'PyTorch computes with only in part. Set `to_float32=True` of '
            f'{type(loader).__name__} in its pipeline.')
    if image.dtype == np.uint8 and _file_mode(info).startswith(('I', 'F')):
        print_log(
            f'{info["img_path"]} has more than 8 bits, but '
            f'{type(loader).__name__} of `{key}` keeps 8. To use all, set its '
            "`color_type='unchanged'` and `to_float32=True`, and mean and std "
            'to match.',
            logger='current',
            level=logging.WARNING)


def _file_mode(info: dict) -> str:
    try:
        with Image.open(info['img_path']) as image:
            return image.mode
    except OSError:
        return ''
