# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Whether image files are whole, from their first and last bytes."""
import os
import zlib
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from PIL import Image

from ..file_hash import sha256_of_file
from .array_file import array_shape, check_channels
from .check_cache import CheckCache
from .image_check import load_image
from .loading import LoadMultiChannelImage
from .pipeline_check import find_image_loader, leaf_datasets
from .thread_map import thread_map

_SAMPLE = 1024
# How files begin; Pillow, which takes longer, tells the other formats.
_HEADS = {
    b'\xff\xd8\xff': 'JPEG', b'\x89PNG\r\n\x1a\n': 'PNG', b'GIF8': 'GIF'
}
# How files end that are whole; zeros behind that do no harm.
_ENDS = dict(
    JPEG=b'\xff\xd9', MPO=b'\xff\xd9', PNG=b'IEND\xaeB`\x82', GIF=b';')
# Where files tell their own length, and what to add.
_LENGTHS = dict(WEBP=(4, 8), BMP=(2, 0))


class FileLook(NamedTuple):
    """What a look at a file shows without decoding it.

    Attributes:
        size (int): Length in bytes.
        digest (int): CRC-32 of some of its content; that of equal files is
            equal.
    """
    size: int
    digest: int


def check_files(
    dataset: Any,
    key: str,
    cache: Optional[CheckCache] = None,
    decode: bool = False
) -> Tuple[Dict[str, Optional[FileLook]], Dict[str, str]]:
    """Look at all images of a dataset.

    Header and end of every local file are read. Only where they leave doubts
    the file is decoded, by the pipeline's own transform. Files of remote
    backends are left alone unless all are decoded.

    Args:
        dataset: A dataset or a wrapper of datasets.
        key (str): Where its config stands, for the log.
        cache (CheckCache, optional): Spares decoding files again that have
            not changed. Defaults to None.
        decode (bool): Decode every file, which also finds damage in the
            middle. Defaults to False.

    Returns:
        tuple[dict, dict]: The look at each image by its path, None for
        remote ones; and by path what is wrong with those that cannot be used.
    """
    looks: Dict[str, Optional[FileLook]] = {}
    faults: Dict[str, str] = {}
    for leaf in leaf_datasets(dataset):
        check = _CheckOfLeaf(leaf, cache, decode)
        found = thread_map(check, len(leaf),
                           f'Checking the images of `{key}`')
        for path, (look, fault) in filter(None, found):
            if fault is None:
                looks[path] = look
            else:
                faults[path] = fault
    return looks, faults


def require_files(dataset: Any, key: str) -> None:
    """Raise ValueError if images of a dataset cannot be used; names them.

    Args:
        dataset: A dataset or a wrapper of datasets.
        key (str): Where its config stands, for the log.
    """
    _, faults = check_files(dataset, key)
    if faults:
        raise ValueError(f'{len(faults)} images cannot be read: '
                         f'{" ".join(list(faults.values())[:5])}')


def check_file(loader: Any,
               info: dict,
               decode: bool = False,
               cache: Optional[CheckCache] = None) -> Optional[FileLook]:
    """Look at the file of an image.

    Args:
        loader: The transform that loads images.
        info (dict): The data info of the image.
        decode (bool): Whether to decode it in any case. Defaults to False.
        cache (CheckCache, optional): Knows which files could be decoded.
            Defaults to None.

    Returns:
        FileLook: What was seen; None of a file that is not local.

    Raises:
        ValueError: If the image cannot be used; names the file.
    """
    path, look, fault, form = info['img_path'], None, None, None
    if _is_local(loader, path):
        look, fault, form = _look(path)
        if fault is None and isinstance(loader, LoadMultiChannelImage):
            check_channels(loader, path)
    if fault is None and not decode:
        return look
    kind = f'image {loader!r}'
    if look is not None and cache and cache.get(kind, [path]) == list(look):
        return look
    # Some readers know formats, or forgive faults, that others do not.
    try:
        load_image(loader, info)
        if fault is not None and form in ('JPEG', 'MPO'):
            # OpenCV may fill up what is missing with gray.
            with Image.open(path) as image:
                image.load()
    except Exception as error:
        if fault is None:
            raise
        raise ValueError(
            f'The image {path} {fault}, and {type(loader).__name__} cannot '
            f'read it ({error.__cause__ or error}). Fetch the file again, or '
            'take it out of the data.') from error
    if look is not None and cache:
        cache.put(kind, [path], list(look))
    return look


def shared_files(
    some: Dict[str, Optional[FileLook]],
    others: Dict[str, Optional[FileLook]]) -> List[Tuple[str, str]]:
    """Find images that two parts have in common.

    Files count as the same if they have the same content, whatever their
    names, links and copies included.

    Args:
        some (dict): Looks by path, from :func:`check_files`.
        others (dict): The same of another part.

    Returns:
        list[tuple[str, str]]: A path of ``some`` and the one of ``others``
        that it is the same as.
    """
    pairs = [(path, path) for path in some if path in others]
    by_look: Dict[FileLook, List[str]] = {}
    for path, look in others.items():
        if look is not None:
            by_look.setdefault(look, []).append(path)
    alike = [path for path, look in some.items()
             if path not in others and look in by_look]
    content: Dict[str, str] = {}
    for look in {some[path] for path in alike}:
        content.update({sha256_of_file(path): path for path in by_look[look]})
    for path in alike:
        same = content.get(sha256_of_file(path))
        if same is not None:
            pairs.append((path, same))
    return sorted(pairs)


class _CheckOfLeaf:
    """Checks the image of an index."""

    def __init__(self, dataset: Any, cache: Optional[CheckCache],
                 decode: bool) -> None:
        self.dataset = dataset
        self.cache = cache
        self.decode = decode
        self.loader = find_image_loader(dataset)

    def __call__(self, index: int) -> Optional[tuple]:
        """Path, and look or fault; None where there is no file to look at."""
        if self.loader is None:
            return None
        info = self.dataset.get_data_info(index)
        path = info.get('img_path')
        if not isinstance(path, str):
            return None
        try:
            return path, (check_file(self.loader, info, self.decode,
                                     self.cache), None)
        except ValueError as error:
            return path, (None, str(error))


def _is_local(loader: Any, path: str) -> bool:
    told = getattr(loader, 'backend_args', None) or getattr(
        loader, 'file_client_args', None) or {}
    return '://' not in path and told.get('backend', 'local') in ('local',
                                                                  'disk')


def _look(path: str) -> Tuple[Optional[FileLook], Optional[str],
                              Optional[str]]:
    """The look at a file, what seems wrong with it, and its format."""
    try:
        with open(path, 'rb', buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            samples = []
            for start in (0, size // 2, size - _SAMPLE):
                file.seek(max(0, start))
                samples.append(file.read(_SAMPLE))
        look = FileLook(size, zlib.crc32(b''.join(samples)))
        if size == 0:
            return look, 'is empty (0 bytes)', None
        if array_shape(path, samples[0]) is not None:
            return look, None, None
        form = _format_of(path, samples[0])
        fault = None
        if not _has_end(form, size, samples[0], samples[-1]):
            fault = f'is cut off or damaged: its {size} bytes do not ' \
                    f'end like a file of {form}'
        return look, fault, form
    except Exception as error:
        return None, f'cannot be opened ({error})', None


def _format_of(path: str, head: bytes) -> str:
    for start, form in _HEADS.items():
        if head.startswith(start):
            return form
    with Image.open(path) as image:
        return image.format


def _has_end(form: str, size: int, head: bytes, tail: bytes) -> bool:
    if form in _ENDS:
        return tail.rstrip(b'\0').endswith(_ENDS[form])
    if form in _LENGTHS:
        start, more = _LENGTHS[form]
        told = int.from_bytes(head[start:start + 4], 'little') + more
        return told <= size
    return False
