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
    names, shared = [osp.splitext(image)[0] for image in images], set()
    while True:
        # Some file systems take upper and lower case for the same.
        count = Counter(name.lower() for name in names)
        twice = {name for name in count if count[name] > 1} - shared
        if not twice:
            return names
        # With its ending, a name may be that of a third image.
        shared |= twice
        names = [
            image if name.lower() in shared else name
            for image, name in zip(images, names)
        ]
