# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The lists and the table of what to label next."""
import csv
import io
import os.path as osp
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from ..compat.whole_files import write_together
from ..datasets.output_folder import (check_output_folder, refuse_inside,
                                      separate_roots)
from ..datasets.split_list import SplitEntry, format_entry
from .image_pool import ImagePool
from .label_page import FOLDER as PICTURES

FILES = ('label_next.txt', 'unlabeled.txt', 'scores.csv', 'index.html')


def check_folder(folder: str, pool: ImagePool, overwrite: bool) -> None:
    """Refuse a folder where the results must not be written.

    Args:
        folder (str): Need not exist.
        pool (ImagePool): Nothing is written into its data.
        overwrite (bool): Whether earlier results may be replaced.

    Raises:
        ValueError: If it lies inside the data, or is no folder.
        FileExistsError: If it holds earlier results.
    """
    sources = {osp.dirname(image.path)
               for image in pool.candidates + pool.labeled}
    sources.update(separate_roots(pool.folders))
    sources = sorted(sources - {''})
    check_output_folder(folder, sources)
    refuse_inside(osp.join(folder, PICTURES), sources)
    existing = [name for name in FILES if osp.lexists(osp.join(folder, name))]
    if existing and not overwrite:
        raise FileExistsError(
            f'--out {folder!r} already holds {", ".join(existing)}; choose '
            'another folder, or --overwrite to replace them')


def list_lines(pool: ImagePool) -> List[str]:
    """The line of each candidate in a split list.

    Paths are relative to ``data_root``. Those outside of it, and all where
    labelled and unlabelled data differ in it, begin at the root of the file
    system, where data sets look for them as well.

    Raises:
        ValueError: If a list cannot hold the name of a file.
    """
    return [_line(image.path, pool.root) for image in pool.candidates]


def write_lists(folder: str, lines: Sequence[str], chosen: Sequence[int],
                table: Dict[str, Sequence]) -> None:
    """Write ``label_next.txt``, ``unlabeled.txt`` and ``scores.csv``.

    Args:
        folder (str): Created if need be.
        lines (Sequence[str]): Of all candidates, from :func:`list_lines`.
        chosen (Sequence[int]): Numbers of the chosen ones, in their order.
        table (dict[str, Sequence]): Columns of the table, a value for each
            candidate.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    rest = sorted(set(range(len(lines))).difference(chosen))
    scores = io.StringIO(newline='')
    writer = csv.writer(scores)
    writer.writerow(table)
    writer.writerows(zip(*table.values()))
    # Bytes: no system shall change the line ends.
    write_together({
        target / 'label_next.txt': _joined(lines, chosen),
        target / 'unlabeled.txt': _joined(lines, rest),
        target / 'scores.csv': scores.getvalue().encode()
    })


def _joined(lines: Sequence[str], indices: Sequence[int]) -> bytes:
    return ''.join(f'{lines[index]}\n' for index in indices).encode()


def _line(path: str, root: Optional[str]) -> str:
    if root is not None:
        below = osp.relpath(path, root).replace(osp.sep, '/')
        if not below.startswith('../'):
            return format_entry(SplitEntry(below))
    # Readers strip the leading slash, people need it.
    return '/' + format_entry(SplitEntry(osp.abspath(path).lstrip('/')))
