# Copyright (c) prcl_mmseg authors. All rights reserved.
import csv
import re
from typing import Dict, List, NamedTuple, Optional

from mmengine import fileio

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
# What a listed file may end in, besides the suffix that a data set names.
FILE_SUFFIXES = IMAGE_SUFFIXES + ('.npy', '.gif', '.ppm', '.pgm', '.jp2')

_FORMATS = ('Write one image per line: an id (`2007_000032`), an image path '
            '(`images/a.jpg`), or an image path and a mask path separated by '
            'one TAB or by spaces. Where names contain spaces, use the TAB or '
            'double quotes.')
_SUFFIX = f'(?:{"|".join(map(re.escape, FILE_SUFFIXES))})'
_ENDS_AS_FILE = re.compile(rf'{_SUFFIX}\Z', re.IGNORECASE | re.ASCII)
_GAP_AFTER_FILE = re.compile(
    rf'(?<=\S){_SUFFIX}( +)', re.IGNORECASE | re.ASCII)
_LONGEST_SUFFIX = max(map(len, FILE_SUFFIXES))
# Not str.splitlines(): names may hold what Unicode takes for a line end.
_LINE_END = re.compile('\r\n|\r|\n')


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
    are separated by a TAB or by spaces; when a line has a TAB only the TAB
    separates, and names in double quotes may hold anything. Names with spaces
    need neither as long as they end in the suffix of an image file:
    ``my image.jpg my mask.png`` has two columns, ``my image.jpg`` one.
    Leading slashes, blank lines, CRLF line ends, a byte order mark and a
    missing final newline are accepted.

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
            f'The split list {path} is not a file. Check `ann_file` (and '
            '`exclude` of an UnlabeledDataset), which is relative to '
            '`data_root` or else to the working directory. '
            'tools/dataset_converters/semi_splits.py makes such lists.')
    return _parse(fileio.get(path, backend_args=backend_args), path)


def format_entry(entry: SplitEntry) -> str:
    """The line that :func:`read_split` reads as this entry.

    Args:
        entry (SplitEntry): Image and maybe mask.

    Returns:
        str: One line, without its end; columns are separated by a space, or
        by a TAB where a space would be taken for a part of a name.

    Raises:
        ValueError: If the line would be read as something else: a name with a
            line break, a TAB or a space at an end, for example.
    """
    names = [name for name in entry if name is not None]
    spaced = any(' ' in name for name in names)
    if spaced and len(names) == 1:
        names.append('None')
    for gap in ('\t', ) if spaced else (' ', '\t'):
        line = gap.join(names)
        try:
            if _parse(line.encode(), 'the list') == [entry]:
                return line
        except ValueError:
            continue
    raise ValueError(
        f'No split list can hold the names {_shorten(names)}: a TAB, a line '
        'break, a quote or space at an end, a name `None` or bytes that are '
        'not UTF-8 would be read differently. Rename the files.')


def _parse(content: bytes, path: str) -> List[SplitEntry]:
    try:
        text = content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not UTF-8 text ({error}); a split list '
                         f'is a text file. {_FORMATS}') from error
    entries = []
    first: Dict[str, int] = {}
    repeated: Dict[str, List[int]] = {}
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if not line.strip():
            continue
        entry = _parse_line(line.strip(), f'{path}, line {number}')
        entries.append(entry)
        before = first.setdefault(entry.image, number)
        if before != number:
            repeated.setdefault(entry.image, [before]).append(number)
    if repeated:
        _refuse_duplicates(path, repeated)
    return entries


def _parse_line(line: str, where: str) -> SplitEntry:
    columns = _columns(line, where)
    paths = [column.strip().lstrip('/') for column in columns]
    if not paths or not all(paths):
        raise ValueError(
            f'{where}: {_shorten(line)} has an empty path. {_FORMATS}')
    if len(paths) == 1 or paths[1].lower() == 'none':
        return SplitEntry(paths[0])
    return SplitEntry(*paths)


def _columns(line: str, where: str) -> List[str]:
    if '\t' in line:
        columns = [part for part in line.split('\t') if part.strip()]
    elif line.startswith('"'):
        try:
            parts = next(csv.reader([line], delimiter=' ',
                                    skipinitialspace=True))
        except csv.Error as error:
            raise ValueError(f'{where}: {_shorten(line)} cannot be read '
                             f'({error}). {_FORMATS}') from error
        columns = [part for part in parts if part]
    else:
        columns = _columns_between_spaces(line, where)
    if len(columns) > 2:
        raise ValueError(f'{where}: {_shorten(line)} has {len(columns)} '
                         f'columns, at most 2 are allowed. {_FORMATS}')
    return columns


def _columns_between_spaces(line: str, where: str) -> List[str]:
    parts = [part for part in line.split(' ') if part]
    if len(parts) == 1:
        return parts
    is_file = _ENDS_AS_FILE.search(line, len(line) - _LONGEST_SUFFIX)
    gaps = list(_GAP_AFTER_FILE.finditer(line))
    if not is_file:
        gaps = gaps[-1:] if parts[-1].lower() == 'none' else []
        gaps = [gap for gap in gaps if line[gap.end():].lower() == 'none']
    if len(gaps) > 1:
        raise ValueError(f'{where}: {_shorten(line)} can be divided into an '
                         f'image and a mask in {len(gaps)} ways. {_FORMATS}')
    if gaps:
        return [line[:gaps[0].start(1)], line[gaps[0].end():]]
    return [line] if is_file else parts


def _shorten(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 200 else f'{shown[:197]}...'


def _refuse_duplicates(path: str, lines_of: Dict[str, List[int]]) -> None:
    shown = [
        f'{image} (lines {", ".join(map(str, numbers))})'
        for image, numbers in list(lines_of.items())[:5]
    ]
    more = ', ...' if len(lines_of) > 5 else ''
    raise ValueError(f'{path} lists {len(lines_of)} image(s) more than once: '
                     f'{", ".join(shown)}{more}. Keep one line of each.')
