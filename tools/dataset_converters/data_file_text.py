# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Where the text of a data file sets its names."""
import ast
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List


def read_text(path: Path) -> str:
    """The text of a data file.

    Raises:
        ValueError: If it is not UTF-8.
    """
    try:
        return path.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not UTF-8 ({error}); save it as such, or '
                         'delete it to have it made anew') from None


def assignments(text: str, path: Path,
                names: Iterable[str]) -> Dict[str, ast.Assign]:
    """Where names are set.

    Args:
        text (str): The file's text.
        path (Path): The file, to name it.
        names (Iterable[str]): The settings.

    Returns:
        dict[str, ast.Assign]: The statement ``name = ...`` of each.

    Raises:
        ValueError: If the file is no Python, or does not set a name once, by
            a statement that shares its lines with no other.
    """
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
