# Copyright (c) prcl_mmseg authors. All rights reserved.
import os.path as osp
from typing import Iterable, List


def check_output_folder(folder: str,
                        sources: Iterable[str],
                        option: str = '--out') -> None:
    """Refuse what is no folder, or lies inside the data of the user.

    Args:
        folder (str): What the option names; need not exist.
        sources (Iterable[str]): Folders of the data.
        option (str): Defaults to '--out'.

    Raises:
        ValueError: Names the folder.
    """
    if osp.lexists(folder) and not osp.isdir(folder):
        raise ValueError(
            f'{option} {str(folder)!r} is no folder; choose another')
    refuse_inside(folder, sources, option=option)


def separate_roots(roots: Iterable[str]) -> List[str]:
    """Roots of data sets, without those that hold the working directory.

    Below such a root lies everything that the user writes, too.
    """
    here = osp.join(osp.realpath(osp.curdir), '')
    return [
        root for root in roots
        if not here.startswith(osp.join(osp.realpath(root), ''))
    ]


def refuse_inside(folder: str,
                  sources: Iterable[str],
                  cure: str = 'choose a folder outside',
                  option: str = '--out') -> None:
    """Refuse to write into the data of the user.

    Args:
        folder (str): What the option names; need not exist.
        sources (Iterable[str]): Folders of the data.
        cure (str): What to do instead. Defaults to 'choose a folder outside'.
        option (str): Defaults to '--out'.

    Raises:
        ValueError: If the folder is one of them, or lies below one.
    """
    target = osp.join(osp.realpath(folder), '')
    for source in sources:
        if target.startswith(osp.join(osp.realpath(source), '')):
            raise ValueError(
                f'{option} {str(folder)!r} lies inside the data '
                f'{str(source)!r}, where nothing is written; {cure}')
