# Copyright (c) prcl_mmseg authors. All rights reserved.
from pathlib import Path
from typing import Sequence, Union

import cv2
import numpy as np

from ..compat import whole_file


def write_image(path: Union[str, Path],
                image: np.ndarray,
                follow_links: bool = True,
                settings: Sequence[int] = ()) -> None:
    """Write an image whole, where ``cv2.imwrite`` is silent about errors.

    Args:
        path (str | Path): The file; its ending says the format.
        image (np.ndarray): BGR (H, W, 3), or (H, W), of a type that the
            format can hold.
        follow_links (bool): See :func:`whole_file`. Defaults to True.
        settings (Sequence[int]): Of the format, see ``cv2.imencode``.

    Raises:
        OSError: If the file can't be written, or its format can't hold the
            image.
    """
    encoded, data = cv2.imencode(Path(path).suffix, image, settings)
    if not encoded:
        raise OSError(f'{path} can hold no image of {image.dtype} and shape '
                      f'{image.shape}')
    with whole_file(path, follow_links=follow_links) as file:
        file.write(data.tobytes())
