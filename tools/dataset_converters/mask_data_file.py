# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The data file that describes converted masks."""
import ast
import colorsys
import os.path as osp
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

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
        text = _text(path)
        values = {name: values[name] for name in _FOUND}
    else:
        text = TEMPLATE.read_text(encoding='utf-8')
        # The first lines say how to copy the template.
        text = ('# Made by to_masks.py.\n' +
                text[text.index('data_root = '):])
    # Not splitlines(): Python's parser knows no other line ends.
    lines = text.split('\n')
    places = _assignments(text, path, values)
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
    places = _assignments(_text(path), path, {*_FOUND, *names})
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


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not UTF-8 ({error}); save it as such, or '
                         'delete it to have it made anew') from None


def _assignments(text: str, path: Path,
                 names: Iterable[str]) -> Dict[str, ast.Assign]:
    """Where names are set."""
    try:
        nodes = ast.parse(text).body
    except SyntaxError as error:
        raise ValueError(f'{path}, line {error.lineno}: {error.msg}; correct '
                         'or delete the file') from None
    statements = Counter(line for node in nodes for line in _lines(node))
    setters: Dict[str, List[ast.stmt]] = {}
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                setters.setdefault(part.id, []).append(node)
    places = {}
    for name in names:
        found = setters.get(name, [])
        if len(found) != 1 or not _is_plain(found[0]) or any(
                statements[line] > 1 for line in _lines(found[0])):
            raise ValueError(
                f'{path} does not set `{name}` once, on lines of its own; '
                f'write {name} = ..., or delete the file to have it made anew')
        places[name] = found[0]
    return places


def _is_plain(node: ast.stmt) -> bool:
    """Whether a statement is ``NAME = ...``."""
    return isinstance(node, ast.Assign) and len(
        node.targets) == 1 and isinstance(node.targets[0], ast.Name)


def _lines(node: ast.stmt) -> range:
    return range(node.lineno, node.end_lineno + 1)


def distinct_colors(count: int, first_is_black: bool) -> List[List[int]]:
    """RGB of classes that have no colours of their own."""
    colors = [[0, 0, 0]] if first_is_black else []
    for place in range(count - len(colors)):
        rgb = colorsys.hsv_to_rgb(place * _GOLDEN % 1, 0.9 - 0.4 *
                                  (place % 2), 0.95 - 0.25 * (place % 3 // 2))
        colors.append([round(255 * value) for value in rgb])
    return colors
