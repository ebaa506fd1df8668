# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The data file that describes converted masks."""
import colorsys
import os.path as osp
import re
from collections import Counter
from pathlib import Path
from typing import Dict, List, Sequence

from prcl_mmseg.datasets.split_list import IMAGE_SUFFIXES

TEMPLATE = (Path(__file__).resolve().parents[2] /
            'configs/_base_/datasets/custom_semi.py')
_GOLDEN = 0.618034


def data_values(images: Path, masks: Path, classes: Sequence[str],
                palette: Sequence[Sequence[int]],
                label_map: Dict[int, int]) -> Dict[str, object]:
    """What ``custom_semi.py`` has to say of images and masks.

    Args:
        images (Path): Folder of the images.
        masks (Path): Folder of the masks.
        classes (Sequence[str]): Class names.
        palette (Sequence): RGB of each class.
        label_map (dict[int, int]): Classes of other values in the masks.

    Returns:
        dict: The settings by name.
    """
    folders = [osp.realpath(images), osp.realpath(masks)]
    root = osp.commonpath(folders)
    image_folder, mask_folder = (osp.relpath(folder, root)
                                 for folder in folders)
    name = osp.basename(osp.dirname(folders[1]))
    below = osp.relpath(root)
    return dict(
        data_root=root if below.startswith('..') else below,
        image_folder=image_folder,
        mask_folder=mask_folder,
        img_suffix=_suffix(images),
        labeled_list=f'splits/{name}/labeled.txt',
        unlabeled_list=f'splits/{name}/unlabeled.txt',
        val_list=f'splits/{name}/val.txt',
        classes=tuple(classes),
        palette=[list(color) for color in palette],
        label_map=label_map)


def write_data_file(path: Path, values: Dict[str, object]) -> None:
    """Write a copy of the template with other values."""
    text = TEMPLATE.read_text(encoding='utf-8')
    for name, value in values.items():
        text, count = re.subn(
            rf'^{name} = .*$', lambda _: f'{name} = {value!r}', text,
            flags=re.MULTILINE)
        if count != 1:
            raise AssertionError(f'{TEMPLATE} has {count} lines {name} = ...')
    # The first lines say how to copy the template.
    text = text[text.index('data_root = '):]
    path.write_bytes(f'# Made by to_masks.py.\n{text}'.encode())


def distinct_colors(count: int, first_is_black: bool) -> List[List[int]]:
    """RGB of classes that have no colours of their own."""
    colors = [[0, 0, 0]] if first_is_black else []
    for place in range(count - len(colors)):
        rgb = colorsys.hsv_to_rgb(place * _GOLDEN % 1, 0.9 - 0.4 *
                                  (place % 2), 0.95 - 0.25 * (place % 3 // 2))
        colors.append([round(255 * value) for value in rgb])
    return colors


def _suffix(images: Path) -> str:
    """The ending that most images have."""
    count = Counter(path.suffix for path in images.rglob('*')
                    if path.suffix.lower() in IMAGE_SUFFIXES)
    return count.most_common(1)[0][0] if count else '.jpg'
