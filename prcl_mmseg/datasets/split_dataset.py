# Copyright (c) prcl_mmseg authors. All rights reserved.
import os.path as osp
import reprlib
from functools import cached_property
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from .bad_files import unreadable_file
from .folder_scan import scan_folder, scan_images
from .mask_reader import MaskReader
from .pipeline_check import find_mask_loader
from .split_list import FILE_SUFFIXES, SplitEntry, read_split


@DATASETS.register_module()
class SplitSegDataset(BaseSegDataset):
    """A segmentation dataset whose ``ann_file`` is a split list.

    All list formats of :func:`read_split` work. Paths in the list are relative
    to ``data_root`` (failing that, to ``data_prefix`` or absolute). A bare id
    becomes ``data_prefix['img_path']/{id}{img_suffix}``. The mask of an entry
    without mask column is ``data_prefix['seg_map_path']/{name}{seg_map_suffix}``,
    where ``name`` is the image's path below ``data_prefix['img_path']``
    without suffix; if ``data_prefix`` has no ``seg_map_path``, such an entry
    has no mask. Without ``ann_file`` the folders of ``data_prefix`` are
    scanned as in :class:`BaseSegDataset`.

    The list itself is looked for below ``data_root`` and then below the
    working directory, so that lists need not be written into the data.

    Files on the local disk are looked for at construction, so that a wrong
    path shows at once rather than in the middle of an epoch.

    Args:
        ann_file (str): The split list, relative to ``data_root`` or else to
            the working directory. Defaults to '', which scans the folders.
        img_suffix (str, optional): End of the images' names, for folders and
            bare ids. None takes images of any usual ending from folders;
            lists need file names then. Defaults to '.jpg'.
        label_map (dict[int, int], optional): The class of a value found in
            the masks, for those values that are not class numbers already;
            ``{255: 1}`` for masks of 0 and 255, ``{9: 255}`` to ignore 9. It
            is applied by ``LoadAnnotations``, after ``reduce_zero_label``.
            Defaults to None.
        **kwargs: The other arguments of :class:`BaseSegDataset`. ``metainfo``
            gives ``classes`` and ``palette``.

    Raises:
        FileNotFoundError: If the list or folder, or any image or mask does
            not exist.
        ValueError: If the list cannot be read, the pipeline loads masks of
            entries that have none, or ``label_map`` does not lead to classes.

    Example:
        >>> SplitSegDataset(
        ...     data_root='data/VOC2012',
        ...     ann_file='splits/1_16/labeled.txt',
        ...     metainfo=dict(classes=('background', 'cat')),
        ...     pipeline=[dict(type='LoadImageFromFile'),
        ...               dict(type='LoadAnnotations'),
        ...               dict(type='PackSegInputs')])
    """  # noqa: E501

    def __init__(self,
                 ann_file: str = '',
                 img_suffix: Optional[str] = '.jpg',
                 label_map: Optional[Dict[int, int]] = None,
                 lazy_init: bool = False,
                 **kwargs) -> None:
        if not self.METAINFO:
            # Where a class names them, a choice of its classes is enough.
            _check_palette(kwargs.get('metainfo') or {})
        super().__init__(
            ann_file=ann_file, img_suffix=img_suffix, lazy_init=True, **kwargs)
        if label_map:
            self.label_map = self._checked_label_map(label_map)
        if not lazy_init:
            self.full_init()

    def load_data_list(self) -> List[dict]:
        """Read the split list, or scan the folders when there is none.

        Returns:
            list[dict]: Data infos with ``img_path``, ``seg_map_path`` (where
            there is a mask), ``label_map``, ``reduce_zero_label`` and
            ``seg_fields``.
        """
        data_list = self.find_data()
        self._check_files(data_list)
        self._check_masks_given(data_list)
        return data_list

    def find_data(self) -> List[dict]:
        """The data infos, without a look at whether their files exist.

        Returns:
            list[dict]: As :meth:`load_data_list`.
        """
        if self.ann_file:
            entries = read_split(self.ann_file, self.backend_args)
            return [self.data_info(entry) for entry in entries]
        self._check_folder()
        return [
            self._info(path, self.mask_of(path))
            for path in self._scanned_paths()
        ]

    def _scanned_paths(self) -> List[str]:
        folder = self.data_prefix.get('img_path') or ''
        if self.img_suffix is not None:
            return scan_folder(folder, (self.img_suffix, ), self.backend_args)
        return scan_images(folder, self.backend_args)

    def prepare_data(self, idx: int) -> dict:
        """Load a sample; the error names a file that cannot be read.

        Args:
            idx (int): Index of the sample.

        Returns:
            dict: What the pipeline makes of it.

        Raises:
            ValueError: If a file cannot be read.
        """
        try:
            return super().prepare_data(idx)
        except Exception as error:
            reason = unreadable_file(error)
            if reason is None:
                raise
            raise ValueError(f'{reason}. Replace the file, or take it out of '
                             'the data.') from error

    def get_cat_ids(self, idx: int) -> List[int]:
        """The classes in the mask of a sample, in ascending order.

        So MMEngine's ``ClassBalancedDataset`` can repeat images that show
        rare classes. It reads the mask.

        Args:
            idx (int): Index of the sample.

        Raises:
            ValueError: If the pipeline loads no masks, or the mask cannot be
                used.
        """
        labels, _ = self._mask_reader(self.get_data_info(idx))
        return [label for label in labels if label != self.ignore_index]

    @cached_property
    def _mask_reader(self) -> MaskReader:
        return MaskReader(self, self._source)

    def _join_prefix(self) -> None:
        given = self.ann_file
        super()._join_prefix()
        self.ann_file = self._find_list(given, self.ann_file)

    def _find_list(self, given: str, below_root: str) -> str:
        """A list below ``data_root``, or else as given."""
        only_here = (
            given and self._is_local and not osp.isfile(below_root)
            and osp.isfile(given))
        return given if only_here else below_root

    def _checked_label_map(self, label_map: Dict[int, int]) -> Dict[int, int]:
        if self.label_map is not None:
            raise ValueError(
                f'{type(self).__name__}: `label_map` and a choice of '
                '`metainfo.classes` are both given, but only one of them can '
                'number the classes. Remove one.')
        num_classes = len(self._metainfo.get('classes') or ())
        for value, label in label_map.items():
            if not (isinstance(value, int) and isinstance(label, int)) or (
                    label != self.ignore_index
                    and not 0 <= label < num_classes):
                raise ValueError(
                    f'{type(self).__name__}: `label_map` maps {value!r} to '
                    f'{label!r}. It maps integers of the masks to class '
                    f'numbers in [0, {num_classes - 1}] (`metainfo.classes` '
                    f'names {num_classes}) or ignore_index='
                    f'{self.ignore_index}.')
        return dict(label_map)

    def data_info(self, entry: SplitEntry) -> dict:
        """The data info of an entry of a list.

        Args:
            entry (SplitEntry): Image and maybe mask.

        Returns:
            dict: As those of :meth:`load_data_list`.
        """
        img_path = self._image_path(entry.image)
        return self._info(img_path, self._mask_path(entry, img_path))

    def mask_of(self, img_path: str) -> Optional[str]:
        """Where the mask of an image is by its name, if it has one at all.

        Args:
            img_path (str): The image, below ``data_prefix['img_path']``.
        """
        return self._mask_path(SplitEntry(img_path), img_path)

    def _info(self, img_path: str, mask: Optional[str]) -> dict:
        info = dict(
            img_path=img_path,
            label_map=self.label_map,
            reduce_zero_label=self.reduce_zero_label,
            seg_fields=[])
        if mask is not None:
            info['seg_map_path'] = mask
        return info

    def _image_path(self, image: str) -> str:
        prefix = self.data_prefix.get('img_path') or ''
        if self._is_file_name(image):
            return self._locate(image, prefix)
        if self.img_suffix is None:
            raise ValueError(
                f'{self.ann_file or "the list"} names {image!r} without an '
                "ending, and img_suffix is None; give one, such as "
                "img_suffix='.jpg', or list file names")
        return osp.join(prefix, image + self.img_suffix)

    def _mask_path(self, entry: SplitEntry, img_path: str) -> Optional[str]:
        prefix = self.data_prefix.get('seg_map_path')
        if entry.mask is not None:
            return self._locate(entry.mask, prefix or '')
        if prefix is None:
            return None
        if self._is_file_name(entry.image):
            name = self._strip_suffix(self._below_img_prefix(img_path))
        else:
            name = entry.image
        return osp.join(prefix, name + self.seg_map_suffix)

    def _is_file_name(self, image: str) -> bool:
        suffixes = FILE_SUFFIXES
        if self.img_suffix:
            suffixes += (self.img_suffix.lower(), )
        return image.lower().endswith(suffixes)

    def _strip_suffix(self, path: str) -> str:
        if self.img_suffix and path.endswith(self.img_suffix):
            return path[:-len(self.img_suffix)]
        return osp.splitext(path)[0]

    def _below_img_prefix(self, img_path: str) -> str:
        for folder in (self.data_prefix.get('img_path'), self.data_root):
            start = osp.join(folder or '', '')
            if img_path.startswith(start):
                return img_path[len(start):]
        return img_path.lstrip('/')

    def _locate(self, path: str, prefix: str) -> str:
        """The place of a listed path, below ``data_root`` unless the file is
        found only below ``prefix`` or at the root of the file system."""
        candidates = [
            osp.join(root or '', path)
            for root in (self.data_root, prefix, osp.sep)
        ]
        if self._is_local:
            for candidate in candidates:
                if osp.isfile(candidate):
                    return candidate
        return candidates[0]

    @property
    def _is_local(self) -> bool:
        return (self.backend_args is None
                and '://' not in (self.data_root or '') + self.ann_file)

    @property
    def _source(self) -> str:
        return self.ann_file or f'The folder {self.data_prefix["img_path"]!r}'

    def _check_folder(self) -> None:
        folder = self.data_prefix.get('img_path') or ''
        if self._is_local and not osp.isdir(folder):
            raise FileNotFoundError(
                f'{type(self).__name__}: the image folder {folder!r} does not '
                f'exist. Set `data_root` (now {self.data_root!r}) and '
                "`data_prefix['img_path']` to a folder of images, or "
                '`ann_file` to a list of images.')

    def _check_files(self, data_list: List[dict]) -> None:
        if not self._is_local:
            return
        counts, missing = [], []
        for key, name in (('img_path', 'images'), ('seg_map_path', 'masks')):
            paths = [info[key] for info in data_list if key in info]
            absent = [path for path in paths if not osp.isfile(path)]
            if absent:
                counts.append(f'{len(absent)} of {len(paths)} {name}')
            missing.extend(absent)
        if missing:
            more = ', ...' if len(missing) > 5 else ''
            raise FileNotFoundError(
                f'{self._source}: {" and ".join(counts)} do not exist: '
                f'{", ".join(missing[:5])}{more}. Listed paths are relative '
                f'to `data_root` (now {self.data_root!r}); bare ids and '
                'masks without a column of their own are found through '
                f'`data_prefix` (now {self.data_prefix}), `img_suffix` '
                f'{self.img_suffix!r} and `seg_map_suffix` '
                f'{self.seg_map_suffix!r}. Correct these or the list; images '
                'without masks belong in an `UnlabeledDataset`.')

    def _check_masks_given(self, data_list: List[dict]) -> None:
        bare = [d['img_path'] for d in data_list if 'seg_map_path' not in d]
        loader = find_mask_loader(self)
        if bare and loader is not None:
            raise ValueError(
                f'{self._source}: {len(bare)} of {len(data_list)} entries '
                f'have no mask, {bare[0]} for one, but the pipeline has '
                f'{type(loader).__name__}. Add a mask column to the list or '
                "set `data_prefix['seg_map_path']` (now "
                f'{self.data_prefix.get("seg_map_path")!r}).')

    def _serialize_data(self) -> Tuple[np.ndarray, np.ndarray]:
        # MMEngine cannot concatenate zero buffers.
        if not self.data_list:
            return np.empty(0, np.uint8), np.empty(0, np.int64)
        return super()._serialize_data()


def _check_palette(metainfo: Mapping[str, Any]) -> None:
    classes, palette = (metainfo.get(key) for key in ('classes', 'palette'))
    if classes and not isinstance(classes, str) and palette and (
            len(classes) != len(palette)):
        raise ValueError(
            f'`metainfo` names {len(classes)} `classes`, but `palette`='
            f'{reprlib.repr(palette)} has {len(palette)} colours; give one '
            'colour for each class')
