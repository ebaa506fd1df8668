# Copyright (c) prcl_mmseg authors. All rights reserved.
import json
from pathlib import Path
from typing import Dict

from ..compat.whole_files import whole_file

FILE = 'predictions.json'


def check_same_run(folder: Path, told: Dict[str, str]) -> None:
    """Note what predictions were made with; refuse to mix those of two runs.

    Args:
        folder (Path): Of the predictions; exists.
        told (dict[str, str]): What they depend on, by name.

    Raises:
        ValueError: If the folder holds predictions made with something else;
            names it.
    """
    path = folder / FILE
    if path.exists():
        earlier = json.loads(path.read_text(encoding='utf-8'))
        changed = [f'{name} {earlier.get(name)!r}, not {value!r}'
                   for name, value in told.items()
                   if earlier.get(name) != value]
        if changed:
            raise ValueError(
                f'--out {str(folder)!r} holds predictions made with '
                f'{"; ".join(changed)}. Choose another folder, or --overwrite')
        return
    with whole_file(path, 'w', encoding='utf-8') as file:
        json.dump(told, file, indent=2)
