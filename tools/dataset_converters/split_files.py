# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Writing split lists with a manifest, and checking lists against it."""
import hashlib
import json
import os.path as osp
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from prcl_mmseg.compat.whole_files import write_together
from prcl_mmseg.datasets.output_folder import refuse_inside
from prcl_mmseg.datasets.split_list import SplitEntry, format_entry
from prcl_mmseg.file_hash import sha256_of_file
from prcl_mmseg.version import __version__

MANIFEST = 'manifest.json'


def write_splits(folder: str,
                 lists: Dict[str, Sequence[SplitEntry]],
                 manifest: Dict[str, Any],
                 sources: Sequence[str],
                 overwrite: bool = False) -> Path:
    """Write lists and their manifest.

    The manifest gains ``lists``: of each file the number of ``images`` and
    its ``sha256``, as ``sha256sum`` prints it, besides what ``manifest``
    says about it already.

    Args:
        folder (str): Where to, created if need be.
        lists (dict[str, Sequence[SplitEntry]]): Entries by file name.
        manifest (dict): What else the manifest tells.
        sources (Sequence[str]): Folders of the data, in which nothing is
            written.
        overwrite (bool): Whether existing lists may be replaced. Defaults to
            False.

    Returns:
        Path: The manifest.

    Raises:
        ValueError: If ``folder`` is one of ``sources`` or inside of one, or a
            name cannot be written.
        FileExistsError: If a list exists and ``overwrite`` is False.
    """
    check_split_folder(folder, list(lists), sources, overwrite)
    target = Path(folder)
    contents = {
        name: ''.join(f'{format_entry(entry)}\n' for entry in entries).encode()
        for name, entries in lists.items()
    }
    manifest = dict(manifest, prcl_mmseg=__version__)
    told = manifest.pop('lists', {})
    manifest['lists'] = {
        name: dict(
            images=len(lists[name]),
            sha256=hashlib.sha256(content).hexdigest(),
            **told.get(name, {}))
        for name, content in contents.items()
    }
    target.mkdir(parents=True, exist_ok=True)
    contents[MANIFEST] = (json.dumps(manifest, indent=2) + '\n').encode()
    write_together({
        target / name: content
        for name, content in contents.items()
    })
    return target / MANIFEST


def check_split_folder(folder: str,
                       names: Sequence[str],
                       sources: Sequence[str],
                       overwrite: bool = False,
                       option: str = '--out') -> None:
    """Whether :func:`write_splits` may write lists of some names.

    Args:
        folder (str): Where to.
        names (Sequence[str]): Of the lists.
        sources (Sequence[str]): Folders of the data.
        overwrite (bool): Whether existing lists may be replaced. Defaults to
            False.
        option (str): What names the folder. Defaults to '--out'.

    Raises:
        ValueError, FileExistsError: As :func:`write_splits`.
    """
    refuse_inside(
        folder, sources, 'choose a folder outside, such as splits/NAME: data '
        'sets look for `ann_file` below the working directory, too', option)
    existing = [name for name in (*names, MANIFEST)
                if osp.lexists(Path(folder) / name)]
    if existing and not overwrite:
        raise FileExistsError(
            f'{folder} already holds {", ".join(existing)}. Choose another '
            'output folder, or --overwrite to replace them.')


def read_manifest(folder: Path) -> Dict[str, Any]:
    """What :func:`write_splits` told of the lists in a folder.

    Raises:
        FileNotFoundError: If there is no manifest.
        ValueError: If it is none.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist; give the folder of '
                                'lists that `make` wrote')
    try:
        manifest = json.loads(path.read_text(encoding='utf-8'))
        return dict(manifest, requested=str(manifest['requested']))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is no manifest of splits ({error!r}); make '
                         'the splits anew.') from error


def histogram(pixels: np.ndarray, classes: Sequence[str]) -> dict:
    """Pixels and images of each class, as a manifest tells them.

    Args:
        pixels (np.ndarray): Pixels per image and class.
        classes (Sequence[str]): Names of the classes.
    """
    names = list(map(str, classes))
    return dict(
        class_pixels=dict(zip(names, pixels.sum(0).tolist())),
        class_images=dict(zip(names, (pixels > 0).sum(0).tolist())))


def check_manifest(folder: str) -> List[str]:
    """Compare the lists in a folder with its manifest.

    Args:
        folder (str): Folder with ``manifest.json``.

    Returns:
        list[str]: What is wrong; empty if all is well or there is no
        manifest.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        return []
    try:
        lists = json.loads(path.read_text(encoding='utf-8'))['lists']
        expected = {
            name: (told['images'], told['sha256'])
            for name, told in lists.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return [f'{path} is no manifest of splits ({error!r}); make the '
                'splits anew.']
    problems = []
    for name, (images, digest) in expected.items():
        file = Path(folder) / name
        if not file.is_file():
            problems.append(f'{file} is in the manifest, but does not exist.')
            continue
        if sha256_of_file(file) != digest:
            problems.append(
                f'{file} was changed after it was made: its sha256 is not '
                f'that of {path} ({images} images). Restore it, or make the '
                'splits anew. To add labelled images, use `extend`.')
    return problems


def check_infos(infos: Dict[str, List[dict]],
                names: Optional[Dict[str, str]] = None) -> Dict[str, list]:
    """Check what lists lead to.

    Args:
        infos (dict[str, list[dict]]): Data infos by role: 'labeled',
            'unlabeled', 'val' or others.
        names (dict[str, str], optional): The file of each role, for messages.
            Defaults to None, the roles.

    Returns:
        dict[str, list[str]]: ``problems`` (missing files, images listed
        twice, images of another role that are also in val or test, masks
        instead of images) and ``notes`` (images both labelled and unlabelled).
    """
    names = {**{role: role for role in infos}, **(names or {})}
    problems, notes = [], []
    images = {}
    for role, part in infos.items():
        paths = [osp.realpath(info['img_path']) for info in part]
        images[role] = set(paths)
        twice = sorted(
            path for path, count in Counter(paths).items() if count > 1)
        if twice:
            problems.append(f'{names[role]}: {_some(twice)} listed more than '
                            'once. Keep one line of each.')
        for key, kind in (('img_path', 'images'), ('seg_map_path', 'masks')):
            if kind == 'masks' and role == 'unlabeled':
                continue
            missing = [info.get(key) for info in part
                       if not osp.isfile(info.get(key) or '')]
            if missing:
                problems.append(
                    f'{names[role]}: {len(missing)} of {len(part)} {kind} '
                    f'missing: {_some(missing)}. Correct the list, the data '
                    'root or the suffixes.')
    masks = {
        osp.realpath(info['seg_map_path']) for part in infos.values()
        for info in part if info.get('seg_map_path')
    }
    for role, paths in images.items():
        wrong = sorted(paths & masks)
        if wrong:
            problems.append(f'{names[role]}: {_some(wrong)} are masks and no '
                            'images. Take them out.')
    roles = list(infos)
    for index, one in enumerate(roles):
        for other in roles[index + 1:]:
            shared = sorted(images[one] & images[other])
            if not shared or {one, other} == {'val', 'test'}:
                continue
            text = (f'{names[one]} and {names[other]} share {len(shared)} '
                    f'image(s): {_some(shared)}')
            if {one, other} == {'labeled', 'unlabeled'}:
                notes.append(f'{text}. That is allowed.')
            else:
                problems.append(f'{text}. Take them out of the training '
                                'lists, or the score means little.')
    return dict(problems=problems, notes=notes)


def _some(paths: Sequence[Any]) -> str:
    more = ', ...' if len(paths) > 5 else ''
    return ', '.join(str(path) for path in paths[:5]) + more
