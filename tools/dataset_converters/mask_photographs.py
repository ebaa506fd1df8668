# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The photographs that annotations belong to."""
import os.path as osp
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from PIL import Image, UnidentifiedImageError

from prcl_mmseg.datasets.folder_scan import scan_folder
from prcl_mmseg.datasets.split_list import IMAGE_SUFFIXES

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


def check_sizes(files: Sequence[Path], sizes: Sequence[Tuple[int, int]],
                folder: Path, images: Path) -> None:
    """Compare masks with the photographs of their names, if there are any.

    Args:
        files (Sequence[Path]): The masks.
        sizes (Sequence[tuple[int, int]]): Their width and height.
        folder (Path): Of the masks.
        images (Path): Folder of the photographs.
    """
    found: Dict[str, Path] = {
        place_of(path, images): path for path in photographs_of(images)
    }
    for path, size in zip(files, sizes):
        photograph = found.get(place_of(path, folder))
        if photograph is not None:
            check_size(photograph, size, path)


def check_size(photograph: Path, size: Tuple[int, int], source: Path) -> None:
    """Raise ValueError if the annotations are those of another image.

    Args:
        photograph (Path): The image.
        size (tuple[int, int]): Width and height of its annotations.
        source (Path): Their file.
    """
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
