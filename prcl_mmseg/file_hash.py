# Copyright (c) prcl_mmseg authors. All rights reserved.
import hashlib
from pathlib import Path
from typing import Union


def sha256_of_file(path: Union[str, Path]) -> str:
    """SHA-256 of a file as ``sha256sum`` prints it, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()
