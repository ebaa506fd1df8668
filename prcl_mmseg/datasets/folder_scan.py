# Copyright (c) prcl_mmseg authors. All rights reserved.
import os
import os.path as osp
from typing import Iterator, List, Optional, Tuple

from mmengine import fileio

from .split_list import IMAGE_SUFFIXES


def scan_folder(folder: str,
                suffixes: Tuple[str, ...],
                backend_args: Optional[dict] = None) -> List[str]:
    """Files below a folder, in its subfolders as well.

    Links are followed, but not in circles. Hidden files and folders are left
    out. Links that lead nowhere are listed like files.

    Args:
        folder (str): The folder.
        suffixes (tuple[str]): What names end in. An empty suffix fits all.
        backend_args (dict, optional): Arguments of the file backend. Defaults
            to None, the local disk.

    Returns:
        list[str]: Sorted paths, each beginning with ``folder``.
    """
    if backend_args is None and '://' not in folder:
        paths = _local_files(folder, ())
    else:
        paths = (
            osp.join(folder, name) for name in fileio.list_dir_or_file(
                folder,
                list_dir=False,
                recursive=True,
                backend_args=backend_args))
    return sorted(path for path in paths if path.endswith(suffixes))


def scan_images(folder: str,
                backend_args: Optional[dict] = None) -> List[str]:
    """Images of any usual ending below a folder, as :func:`scan_folder`.

    Arrays (``.npy``), where there is no such image.
    """
    paths = scan_folder(folder, ('', ), backend_args)
    images = [path for path in paths if path.lower().endswith(IMAGE_SUFFIXES)]
    return images or [path for path in paths if path.endswith('.npy')]


def _local_files(folder: str, above: Tuple[str, ...]) -> Iterator[str]:
    real = osp.realpath(folder)
    if real in above:
        return
    for name in os.listdir(folder or osp.curdir):
        path = osp.join(folder, name)
        if name.startswith('.'):
            continue
        if osp.isdir(path):
            yield from _local_files(path, (*above, real))
        else:
            yield path
