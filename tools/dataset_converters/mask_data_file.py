# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The data file that describes converted masks."""
import ast
import os.path as osp
from pathlib import Path
from typing import Dict, NamedTuple, Sequence, Tuple

from data_file_text import assignments, read_text

TEMPLATE = (Path(__file__).resolve().parents[2] /
            'configs/_base_/datasets/custom_semi.py')
# What is known of images and masks, whatever else a file sets.
_FOUND = ('data_root', 'image_folder', 'mask_folder', 'classes', 'palette')


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
        # Any usual one.
        img_suffix=None,
        labeled_list=f'splits/{name}/labeled.txt',
        unlabeled_list=f'splits/{name}/unlabeled.txt',
        val_list=f'splits/{name}/val.txt',
        classes=tuple(classes),
        palette=[list(color) for color in palette],
        label_map=label_map)


def write_data_file(path: Path, values: Dict[str, object]) -> None:
    """Write a copy of the template with other values.

    Of a file that is there already only what a converter finds is replaced;
    all else may have been set by hand.
    """
    if path.is_file():
        text = read_text(path)
        values = {name: values[name] for name in _FOUND}
    else:
        text = TEMPLATE.read_text(encoding='utf-8')
        # The first lines say how to copy the template.
        text = ('# Made by to_masks.py.\n' +
                text[text.index('data_root = '):])
    # Not splitlines(): Python's parser knows no other line ends.
    lines = text.split('\n')
    places = assignments(text, path, values)
    for name in sorted(values, key=lambda name: -places[name].lineno):
        node = places[name]
        lines[node.lineno - 1:node.end_lineno] = [f'{name} = {values[name]!r}']
    path.write_bytes('\n'.join(lines).encode())


class KnownData(NamedTuple):
    """What an earlier data file says of the masks.

    Args:
        colors (dict[str, tuple[int]]): RGB of each class, in the order of
            their numbers; empty without a file.
        label_map (dict[int, int]): Classes of other values in the masks.
    """

    colors: Dict[str, Tuple[int, ...]]
    label_map: Dict[int, int]


def read_data_file(path: Path) -> KnownData:
    """Read the classes of an earlier round, if there was one.

    Raises:
        ValueError: If a file is there that cannot be kept.
    """
    if not path.is_file():
        return KnownData({}, {})
    names = ('classes', 'palette', 'label_map')
    places = assignments(read_text(path), path, {*_FOUND, *names})
    try:
        classes, palette, label_map = (
            ast.literal_eval(places[name].value) for name in names)
        colors = {name: tuple(color) for name, color in zip(classes, palette)}
    except (TypeError, ValueError):
        raise ValueError(
            f'{path}: {", ".join(names)} are to be plain values; write them '
            'out, or delete the file to have it made anew') from None
    if isinstance(classes, str) or not (
            len(colors) == len(classes) == len(palette)):
        raise ValueError(
            f'{path}: `classes` names {len(classes)} classes, and `palette` '
            f'has {len(palette)} colours; give one colour for each class')
    return KnownData(colors, label_map)
