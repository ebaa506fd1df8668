# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A file appears under its name when it is complete, not before."""
import os
import os.path as osp
import shutil
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Iterator, Mapping, Union

# What a killed process leaves behind: name.pth.<process id>.part
UNFINISHED = '.part'


@contextmanager
def whole_file(path: Union[str, Path],
               mode: str = 'wb',
               durable: bool = False,
               follow_links: bool = True,
               **options) -> Iterator[Any]:
    """Open a file for writing that takes its name when the block ends.

    A process that is killed in the middle leaves the earlier file of that
    name as it was, and so does an error.

    Args:
        path (str | Path): The file.
        mode (str): See ``open``. Defaults to 'wb'.
        durable (bool): Wait until the disk has it, so that it also survives
            a failure of the machine. Defaults to False.
        follow_links (bool): Write what a link leads to, and do not replace
            the link. Defaults to True.
        **options: Those of ``open``.
    """
    target = osp.realpath(path) if follow_links else osp.abspath(path)
    if osp.exists(target) and not osp.isfile(target):  # Such as /dev/null.
        with open(target, mode, **options) as file:
            yield file
        return
    draft = f'{target}.{os.getpid()}{UNFINISHED}'
    try:
        with open(draft, mode, **options) as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if osp.exists(target):
            shutil.copymode(target, draft)
        os.replace(draft, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.remove(draft)
        raise


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together; an error leaves the earlier ones.

    Links are replaced.

    Args:
        contents (Mapping[Path, bytes]): What each file is to hold.
    """
    with ExitStack() as drafts:
        for path, content in contents.items():
            file = drafts.enter_context(whole_file(path, follow_links=False))
            file.write(content)
            # A full disk is to be met before the first takes its name.
            file.flush()


def write_files_whole() -> None:
    """Let MMEngine write local files, such as checkpoints, so."""
    from mmengine.fileio import LocalBackend
    LocalBackend.put = _put
    LocalBackend.put_text = _put_text


def _put(self, obj: bytes, filepath: Union[str, Path]) -> None:
    os.makedirs(osp.dirname(filepath) or '.', exist_ok=True)
    durable = str(filepath).endswith('.pth')
    with whole_file(filepath, durable=durable) as file:
        file.write(obj)


def _put_text(self,
              obj: str,
              filepath: Union[str, Path],
              encoding: str = 'utf-8') -> None:
    os.makedirs(osp.dirname(filepath) or '.', exist_ok=True)
    with whole_file(filepath, 'w', encoding=encoding) as file:
        file.write(obj)
