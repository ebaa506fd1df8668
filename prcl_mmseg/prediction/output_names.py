# Copyright (c) prcl_mmseg authors. All rights reserved.
import os.path as osp
from collections import Counter
from typing import List, Sequence


def output_names(images: Sequence[str]) -> List[str]:
    """Names, without ending, of the files written for images of a folder.

    Subfolders remain. An image that shares its name with another, but for the
    ending, keeps the ending: ``a.jpg`` and ``a.png`` give ``a.jpg`` and
    ``a.png``, to which the ending of the written file is added.

    Args:
        images (Sequence[str]): Files, relative to the folder.

    Returns:
        list[str]: A name for each, none of them twice.
    """
    stems = [osp.splitext(image)[0] for image in images]
    # Some file systems take upper and lower case for the same.
    count = Counter(stem.lower() for stem in stems)
    return [
        image if count[stem.lower()] > 1 else stem
        for image, stem in zip(images, stems)
    ]
