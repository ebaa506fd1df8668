# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Dict, List, NamedTuple, Optional

from mmengine import fileio

_FORMATS = ('Write one image per line: an id (`2007_000032`), an image path '
            '(`images/a.jpg`), or an image path and a mask path separated by '
            'one TAB or by spaces (names that contain spaces need the TAB).')


class SplitEntry(NamedTuple):
    """One line of a split list.

    Attributes:
        image (str): An image path or a bare id, without leading slash.
        mask (str, optional): The mask path, without leading slash. None when
            the line has no second column or the second column is ``None``.
    """
    image: str
    mask: Optional[str] = None


def read_split(path: str,
               backend_args: Optional[dict] = None) -> List[SplitEntry]:
    """Read a list of images in any of the formats in circulation.

    A line is an id, an image path, or an image path and a mask path. Columns
    are separated by spaces or a TAB; when a line has a TAB only the TAB
    separates. Leading slashes, blank lines, CRLF line ends, a byte order mark
    and a missing final newline are accepted.

    Args:
        path (str): The list file.
        backend_args (dict, optional): Arguments of the file backend that
            holds the list. Defaults to None, the local disk.

    Returns:
        list[SplitEntry]: The entries in file order; empty for an empty file.

    Raises:
        FileNotFoundError: If ``path`` is not a file.
        ValueError: If a line cannot be read, an image is listed twice, or the
            file is not UTF-8 text.
    """
    path = str(path)
    if not fileio.isfile(path, backend_args=backend_args):
        raise FileNotFoundError(
            f'The split list {path} is not a file. Check `ann_file`, which is '
            'relative to `data_root`.')
    try:
        text = fileio.get(path, backend_args=backend_args).decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not UTF-8 text ({error}); a split list '
                         f'is a text file. {_FORMATS}') from error

    entries = []
    lines_of: Dict[str, List[int]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        entry = _parse_line(line, f'{path}, line {number}')
        entries.append(entry)
        lines_of.setdefault(entry.image, []).append(number)
    _refuse_duplicates(path, lines_of)
    return entries


def _parse_line(line: str, where: str) -> SplitEntry:
    columns = line.split('\t') if '\t' in line.strip() else line.split()
    columns = [column.strip() for column in columns if column.strip()]
    if len(columns) > 2:
        raise ValueError(f'{where}: {line.strip()!r} has {len(columns)} '
                         f'columns, at most 2 are allowed. {_FORMATS}')
    paths = [column.lstrip('/') for column in columns]
    if not all(paths):
        raise ValueError(
            f'{where}: {line.strip()!r} has an empty path. {_FORMATS}')
    if len(paths) == 1 or paths[1].lower() == 'none':
        return SplitEntry(paths[0])
    return SplitEntry(*paths)


def _refuse_duplicates(path: str, lines_of: Dict[str, List[int]]) -> None:
    repeated = [
        f'{image} (lines {", ".join(map(str, numbers))})'
        for image, numbers in lines_of.items() if len(numbers) > 1
    ]
    if repeated:
        more = ', ...' if len(repeated) > 5 else ''
        raise ValueError(
            f'{path} lists {len(repeated)} image(s) more than once: '
            f'{", ".join(repeated[:5])}{more}. Keep one line of each.')
