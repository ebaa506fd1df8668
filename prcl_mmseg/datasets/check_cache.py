# Copyright (c) prcl_mmseg authors. All rights reserved.
import json
import logging
import os
import os.path as osp
from typing import Any, List, Optional, Sequence

from mmengine.logging import print_log

from ..compat import whole_file

# Another number whenever the results mean something else.
_VERSION = 1


class CheckCache:
    """What checks found in files, valid while the files do not change.

    A file counts as unchanged if its path, its size and its time of change
    are the same. A cache that cannot be written is lost, which is no error,
    and a file that is no cache is left alone.

    Args:
        path (str, optional): The JSON file of the cache, written by
            :meth:`save`. Defaults to None, in memory only.
    """

    def __init__(self, path: Optional[str] = None) -> None:
        self.path = path
        self._results = {} if path is None else _read(path)
        self._changed = False
        if self._results is None:
            print_log(
                f'{path} is no cache of data checks and is left alone. Name '
                'another `cache_file` of the PreflightHook, or remove it.',
                logger='current',
                level=logging.WARNING)
            self.path, self._results = None, {}

    def get(self, kind: str, files: Sequence[str]) -> Any:
        """What is known of files.

        Args:
            kind (str): The check and all its settings.
            files (Sequence[str]): Local paths that the result depends on.

        Returns:
            What :meth:`put` was given, None if the files have changed or
            there is nothing.
        """
        found = self._results.get(kind, {}).get(files[0])
        if found is None or found[0] != _stamps(files):
            return None
        return found[1]

    def put(self, kind: str, files: Sequence[str], result: Any) -> None:
        """Remember a result, which must survive JSON."""
        stamps = _stamps(files)
        if None not in stamps:
            self._results.setdefault(kind, {})[files[0]] = [stamps, result]
            self._changed = True

    def save(self) -> None:
        """Write the cache, as a whole or not at all."""
        if self.path is None or not self._changed:
            return
        content = json.dumps(dict(version=_VERSION, results=self._results))
        try:
            with whole_file(self.path, 'w', encoding='utf-8') as file:
                file.write(content)
        except OSError as error:
            print_log(
                f'The data will be checked again next time, since '
                f'{self.path} cannot be written ({error}).',
                logger='current',
                level=logging.DEBUG)
            return
        self._changed = False


def _stamps(files: Sequence[str]) -> List[Optional[List[int]]]:
    stamps = []
    for path in files:
        try:
            told = os.stat(path)
            stamps.append([told.st_size, told.st_mtime_ns])
        except (OSError, TypeError, ValueError):
            stamps.append(None)
    return stamps


def _read(path: str) -> Optional[dict]:
    """The results in a cache; None of a file that is none."""
    if not osp.lexists(path):
        return {}
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
        known = content['version'] == _VERSION
        results = content['results'] if known else {}
        for found in results.values():
            for stamps, _ in found.values():
                list(stamps)
        return results
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return None
