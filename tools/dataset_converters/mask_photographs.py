# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The photographs that annotations belong to."""
import os.path as osp
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Tuple

from PIL import Image, UnidentifiedImageError

from prcl_mmseg.datasets.folder_scan import scan_folder
from prcl_mmseg.datasets.split_list import IMAGE_SUFFIXES
from prcl_mmseg.datasets.thread_map import thread_map

# EXIF's tag, and the orientations that swap width and height.
_ORIENTATION, _TURNED = 0x112, (5, 6, 7, 8)


def files_of(folder: Path, suffixes: Sequence[str]) -> List[Path]:
    """The files of a folder, subfolders included, that end so.

    As data sets see it: links are followed, hidden files left out.

    Raises:
        FileNotFoundError: If there is none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder} is no folder')
    files = [Path(path) for path in scan_folder(str(folder), ('', ))
             if path.lower().endswith(tuple(suffixes))]
    if not files:
        raise FileNotFoundError(f'{folder} holds no {" ".join(suffixes)}')
    return files


def photographs_of(folder: Path) -> List[Path]:
    """The images of a folder."""
    return files_of(folder, (*IMAGE_SUFFIXES, '.npy'))


def place_of(path: Path, folder: Path) -> str:
    """What an image and its mask share: the path in a folder, no ending."""
    return osp.splitext(osp.relpath(path, folder))[0]


def photographs_beside(files: Sequence[Path], folder: Path,
                       images: Path) -> List[Optional[Path]]:
    """The photograph of each mask in a folder; None where there is none."""
    found = {place_of(path, images): path for path in photographs_of(images)}
    return [found.get(place_of(path, folder)) for path in files]


def check_sizes(photographs: Sequence[Optional[Path]],
                size_of: Callable[[int], Tuple[int, int]],
                sources: Sequence[Path]) -> None:
    """Compare annotations with their photographs, where there are any.

    Args:
        photographs (Sequence[Path, optional]): The images.
        size_of (Callable): Width and height of the annotations of an image,
            by its place.
        sources (Sequence[Path]): Their files.

    Raises:
        ValueError: If annotations are those of another image.
    """

    def check(index: int) -> None:
        if photographs[index] is not None:
            _check_size(photographs[index], size_of(index), sources[index])

    list(thread_map(check, len(photographs), 'Checking the sizes of images'))


def _check_size(photograph: Path, size: Tuple[int, int],
                source: Path) -> None:
    try:
        with Image.open(photograph) as file:
            own = file.size
            # As tools and this package show it: upright.
            if file.getexif().get(_ORIENTATION) in _TURNED:
                own = own[::-1]
    except UnidentifiedImageError:
        # An array, or another format that Pillow does not know.
        return
    if own != tuple(size):
        raise ValueError(
            f'{source} is for an image of {size[0]} x {size[1]} pixels, but '
            f'{photograph} has {own[0]} x {own[1]}; give the image that was '
            'annotated')
