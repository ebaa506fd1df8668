# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Colours of classes that have none of their own."""
import colorsys
from typing import List

_GOLDEN = 0.618034


def distinct_colors(count: int, first_is_black: bool) -> List[List[int]]:
    """RGB of so many classes, with hues far apart."""
    colors = [[0, 0, 0]] if first_is_black else []
    for place in range(count - len(colors)):
        rgb = colorsys.hsv_to_rgb(place * _GOLDEN % 1, 0.9 - 0.4 *
                                  (place % 2), 0.95 - 0.25 * (place % 3 // 2))
        colors.append([round(255 * value) for value in rgb])
    return colors
