# Copyright (c) prcl_mmseg authors. All rights reserved.
import os
import os.path as osp
from typing import Dict, List, Optional, Sequence, Tuple, Union

from mmengine.logging import print_log
from mmseg.registry import DATASETS

from .pipeline_check import check_unlabeled_pipeline
from .split_dataset import SplitSegDataset
from .split_list import IMAGE_SUFFIXES, read_split


@DATASETS.register_module()
class UnlabeledDataset(SplitSegDataset):
    """Images without masks, from a list or from a bare folder.

    No mask is ever looked for: the data infos have no ``seg_map_path``, a mask
    column in the list is ignored, and a pipeline that needs masks is refused.
    ``metainfo`` needs no classes. A list or a folder without any image is
    allowed and gives a dataset of length 0.

    Args:
        ann_file (str): A list in any format of :func:`read_split`, relative to
            ``data_root`` or else to the working directory. Defaults to '',
            which scans the folder ``data_prefix['img_path']`` below
            ``data_root``, subfolders included.
        img_suffix (str, optional): In a folder, take only the files that end
            so. For a list of bare ids, the suffix of the images. Defaults to
            None: any of ``.jpg .jpeg .png .bmp .tif .tiff .webp`` in upper or
            lower case (for bare ids on a remote backend, ``.jpg``), and
            ``.npy`` in a folder without any of these.
        exclude (str or Sequence[str]): Lists whose images are left out, such
            as that of the validation images. They are looked for, and lead to
            images, as ``ann_file`` does; an empty name means no list.
            Defaults to ().
        **kwargs: The other arguments of :class:`BaseSegDataset`; those that
            describe masks have no effect.

    Raises:
        FileNotFoundError: If the list or folder, or a listed image does not
            exist.
        ValueError: If the list cannot be read or the pipeline needs masks.

    Example:
        >>> UnlabeledDataset(
        ...     data_root='data/my_images',
        ...     pipeline=[dict(type='LoadImageFromFile'),
        ...               dict(type='PackSegInputs')])
    """

    def __init__(self,
                 ann_file: str = '',
                 img_suffix: Optional[str] = None,
                 exclude: Union[str, Sequence[str]] = (),
                 **kwargs) -> None:
        self.exclude = [exclude] if isinstance(exclude, str) else exclude
        super().__init__(ann_file=ann_file, img_suffix=img_suffix, **kwargs)
        check_unlabeled_pipeline(self)

    def load_data_list(self) -> List[dict]:
        """Read the list or scan the folder.

        Returns:
            list[dict]: Data infos with ``img_path``, ``reduce_zero_label`` and
            an empty ``seg_fields``.
        """
        data_list = self.find_data()
        self._check_files(data_list)
        return data_list

    def find_data(self) -> List[dict]:
        """The data infos, without a look at whether their files exist.

        Returns:
            list[dict]: As :meth:`load_data_list`.
        """
        if self.ann_file:
            paths = self._listed_paths(self.ann_file)
        else:
            self._check_folder()
            paths = self._scanned_paths()
        return [
            dict(
                img_path=path,
                reduce_zero_label=self.reduce_zero_label,
                seg_fields=[]) for path in self._without_excluded(paths)
        ]

    def _without_excluded(self, paths: List[str]) -> List[str]:
        excluded = {
            file_identity(path)
            for name in self.exclude if name
            for path in self._listed_paths(
                self._find_list(name, osp.join(self.data_root or '', name)))
        }
        if not excluded:
            return paths
        kept = [path for path in paths if file_identity(path) not in excluded]
        print_log(
            f'{type(self).__name__}: {len(paths) - len(kept)} of '
            f'{len(paths)} images are left out, since '
            f'{", ".join(filter(None, self.exclude))} lists them.',
            logger='current')
        return kept

    def _listed_paths(self, list_file: str) -> List[str]:
        images = [
            entry.image for entry in read_split(list_file, self.backend_args)
        ]
        if self.img_suffix is not None:
            return [self._image_path(image) for image in images]

        prefix = self.data_prefix.get('img_path') or ''
        contents: Dict[str, Dict[str, str]] = {}
        paths = []
        for image in images:
            located = self._locate(image, prefix)
            if self._is_file_name(image) or (self._is_local
                                             and osp.isfile(located)):
                paths.append(located)
            elif self._is_local:
                folder, stem = osp.split(osp.join(prefix, image))
                if folder not in contents:
                    contents[folder] = _images_by_stem(folder)
                name = contents[folder].get(stem, stem)
                paths.append(osp.join(folder, name))
            else:
                paths.append(osp.join(prefix, image + IMAGE_SUFFIXES[0]))
        return paths


def file_identity(path: str) -> Union[str, Tuple[int, int]]:
    """The same for all names of a file."""
    try:
        told = os.stat(path)
    except (OSError, ValueError):
        return path
    return told.st_dev, told.st_ino


def _images_by_stem(folder: str) -> Dict[str, str]:
    """Map names without suffix to the image files of a folder."""
    if not osp.isdir(folder):
        return {}
    names = sorted(os.listdir(folder), reverse=True)
    return {
        osp.splitext(name)[0]: name
        for name in names if name.lower().endswith(IMAGE_SUFFIXES)
    }
