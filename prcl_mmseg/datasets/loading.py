# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Loading what mmseg's transforms would cut to 8 bits or 4 channels."""
import io
from typing import Any, Optional

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS

# How files of each format begin.
NPY = b'\x93NUMPY'
TIFF = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')


@TRANSFORMS.register_module()
class LoadMultiChannelImage(BaseTransform):
    """Load an image of any number of channels and any bit depth.

    Reads NumPy's ``.npy`` files, TIFF files (through ``tifffile``) and
    whatever MMCV decodes, unchanged. Arrays of shape (channels, height,
    width) are turned to (height, width, channels), which is told by
    ``channels``. Channels come as the file has them, red first; three of them
    come blue first, as in all pipelines of MMSegmentation, whose preprocessor
    turns them back (``bgr_to_rgb``).

    Adds the keys ``img`` (float32, shape (height, width, channels)),
    ``img_shape`` and ``ori_shape``.

    Args:
        channels (int): Number of channels that every image must have.
        backend_args (dict, optional): Arguments of the file backend. Defaults
            to None, the local disk.

    Raises:
        ValueError: If an image cannot be read or has another number of
            channels; names the file.
        ImportError: If a TIFF file is read without ``tifffile``.
    """

    def __init__(self,
                 channels: int,
                 backend_args: Optional[dict] = None) -> None:
        if not isinstance(channels, int) or channels < 1:
            raise ValueError(f'LoadMultiChannelImage: channels={channels!r} '
                             'must be a positive integer.')
        self.channels = channels
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Load ``results['img_path']``, or take the array ``results['img']``.
        """
        path = results.setdefault('img_path', None)
        given = results.get('img')
        image = self._read(path) if given is None else given
        image = self._channels_last(image, path)
        if given is None and self.channels == 3:
            image = image[..., ::-1]
        results['img'] = np.ascontiguousarray(image, dtype=np.float32)
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results

    def _read(self, path: str) -> np.ndarray:
        content = fileio.get(path, backend_args=self.backend_args)
        try:
            return decode_image(content)
        except ImportError:
            raise
        except Exception as error:
            raise ValueError(
                f'The image {path} cannot be read by LoadMultiChannelImage '
                f'({type(error).__name__}: {error}). Replace the file.'
            ) from error

    def _channels_last(self, image: np.ndarray,
                       path: Optional[str]) -> np.ndarray:
        if image.ndim == 2:
            image = image[..., None]
        if image.ndim == 3 and image.shape[2] != self.channels and \
                image.shape[0] == self.channels:
            image = image.transpose(1, 2, 0)
        if image.ndim != 3 or image.shape[2] != self.channels:
            raise ValueError(
                f'The image {path or "given"} has shape {image.shape}, but '
                'the pipeline has LoadMultiChannelImage(channels='
                f'{self.channels}). Set `channels` to the number of channels '
                'of the images.')
        return image

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(channels={self.channels}, '
                f'backend_args={self.backend_args})')


@TRANSFORMS.register_module()
class LoadWideAnnotations(LoadAnnotations):
    """Load masks whose values need more than 8 bits.

    Like mmseg's ``LoadAnnotations``, which keeps the lowest 8 bits of a mask,
    but ``reduce_zero_label`` and the data set's ``label_map`` work on the
    values as they are in the file. What comes out are class numbers in 8
    bits.

    Args:
        **kwargs: Those of ``LoadAnnotations``.

    Raises:
        ValueError: If a value is still outside [0, 255] after the map; names
            the file.
    """

    def _load_seg_map(self, results: dict) -> None:
        content = fileio.get(
            results['seg_map_path'], backend_args=self.backend_args)
        raw = mmcv.imfrombytes(
            content, flag='unchanged',
            backend=self.imdecode_backend).squeeze()
        mask = raw.astype(np.int64)
        if (mask != raw).any():
            raise ValueError(f'The mask {results["seg_map_path"]} holds '
                             'fractions; labels are whole numbers.')
        reduce_zero_label = self.reduce_zero_label
        if reduce_zero_label is None:
            reduce_zero_label = results['reduce_zero_label']
        if reduce_zero_label:
            mask = np.where((mask == 0) | (mask == 255), 255, mask - 1)
        values, places = np.unique(mask, return_inverse=True)
        label_map = results.get('label_map') or {}
        labels = np.array([label_map.get(int(v), v) for v in values])
        outside = values[(labels < 0) | (labels > 255)]
        if len(outside):
            raise ValueError(
                f'The mask {results["seg_map_path"]} holds the values '
                f'{outside[:10].tolist()}, which are no class numbers. Give '
                'their classes in the `label_map` of the data set, and 255 '
                'for values to ignore.')
        results['gt_seg_map'] = labels[places.reshape(mask.shape)].astype(
            np.uint8)
        results['seg_fields'].append('gt_seg_map')


def loads_upright(loader: Any) -> bool:
    """Whether a loader turns a photograph as its EXIF orientation says."""
    return not isinstance(loader, LoadMultiChannelImage) and getattr(
        loader, 'color_type', 'color') in ('color', 'grayscale')


def decode_image(content: bytes) -> np.ndarray:
    """Decode the bytes of an image file, unchanged, red first.

    Raises:
        ImportError: For a TIFF file without ``tifffile``.
        ValueError: For bytes that are no image.
    """
    if content.startswith(NPY):
        return np.load(io.BytesIO(content), allow_pickle=False)
    if content.startswith(TIFF):
        try:
            import tifffile
        except ImportError as error:
            raise ImportError(
                'LoadMultiChannelImage needs tifffile for .tif files: pip '
                'install tifffile (or save the images as .npy).') from error
        return tifffile.imread(io.BytesIO(content))
    image = mmcv.imfrombytes(content, flag='unchanged')
    if image is None:
        raise ValueError('unknown image format')
    if image.ndim == 3 and image.shape[2] in (3, 4):
        # OpenCV gives blue first, with or without opacity.
        image = image[..., [2, 1, 0, 3][:image.shape[2]]]
    return image
