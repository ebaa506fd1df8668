# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The data file that describes converted masks."""
import ast
import colorsys
import os.path as osp
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

TEMPLATE = (Path(__file__).resolve().parents[2] /
            'configs/_base_/datasets/custom_semi.py')
# What is known of images and masks, whatever else a file sets.
_FOUND = ('data_root', 'image_folder', 'mask_folder', 'classes', 'palette')
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
        text = path.read_text(encoding='utf-8')
        values = {name: values[name] for name in _FOUND}
    else:
        text = TEMPLATE.read_text(encoding='utf-8')
        # The first lines say how to copy the template.
        text = ('# Made by to_masks.py.\n' +
                text[text.index('data_root = '):])
    lines = text.splitlines(keepends=True)
    places = _assignments(text, path)
    for name in sorted(values, key=lambda name: -places[name].lineno):
        node = places[name]
        lines[node.lineno - 1:node.end_lineno] = [
            f'{name} = {values[name]!r}\n']
    path.write_bytes(''.join(lines).encode())


def known_classes(path: Path) -> Dict[str, Tuple[int, ...]]:
    """Names and colours in a data file, in the order of their numbers.

    Returns:
        dict[str, tuple[int]]: RGB by name; empty if there is no such file.

    Raises:
        ValueError: If they cannot be read.
    """
    if not path.is_file():
        return {}
    places = _assignments(path.read_text(encoding='utf-8'), path)
    try:
        classes, palette = (ast.literal_eval(places[name].value)
                            for name in ('classes', 'palette'))
        return {name: tuple(color)
                for name, color in zip(classes, palette)}
    except (TypeError, ValueError):
        raise ValueError(
            f'{path}: `classes` and `palette` are no plain lists; write them '
            'out, or delete the file to have it made anew') from None


def _assignments(text: str, path: Path) -> Dict[str, ast.Assign]:
    """Where the names are set that :func:`data_values` gives."""
    try:
        nodes = ast.parse(text).body
    except SyntaxError as error:
        raise ValueError(f'{path}, line {error.lineno}: {error.msg}; correct '
                         'or delete the file') from None
    places = {node.targets[0].id: node for node in nodes
              if isinstance(node, ast.Assign)
              and isinstance(node.targets[0], ast.Name)}
    missing = [name for name in _FOUND if name not in places]
    if missing:
        raise ValueError(f'{path} does not set {", ".join(missing)}; delete '
                         'it to have it made anew')
    return places


def distinct_colors(count: int, first_is_black: bool) -> List[List[int]]:
    """RGB of classes that have no colours of their own."""
    colors = [[0, 0, 0]] if first_is_black else []
    for place in range(count - len(colors)):
        rgb = colorsys.hsv_to_rgb(place * _GOLDEN % 1, 0.9 - 0.4 *
                                  (place % 2), 0.95 - 0.25 * (place % 3 // 2))
        colors.append([round(255 * value) for value in rgb])
    return colors
