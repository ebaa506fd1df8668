# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Why images were chosen, in words."""
from typing import Optional, Sequence

import numpy as np

from .choice import CANDIDATES_PER_CHOICE, Choice
from .image_score import ImageScore
from .pixel_doubt import CRITERIA

_MOST_CLASSES = 3
_SMALLEST_SPREAD = 0.01


def say_summary(by: str, diverse: bool, count: int, available: int) -> str:
    """How the images of a page were chosen."""
    text = (f'{count} of {available} unlabelled images, by {by} '
            f'({CRITERIA[by]}).')
    if by != 'random':
        text += (' The score of an image is the mean over its predicted '
                 'classes, so that small classes count as much as large ones.')
    if diverse:
        best = min(CANDIDATES_PER_CHOICE * count, available)
        text += (f' The images were taken from the {best} best ones, far from '
                 'the labelled images and from each other.')
    return text


def say_spread(scores: Sequence[float]) -> Optional[str]:
    """A warning, if scores hardly tell images from each other."""
    low, high = min(scores), max(scores)
    if len(scores) < 2 or high - low > _SMALLEST_SPREAD * max(
            abs(low), abs(high)):
        return None
    return (f'WARNING: all scores lie between {low:.4g} and {high:.4g}, so '
            'they hardly tell images apart. Was the model trained?')


def say_reason(by: str, choice: Choice, place: int,
               score: Optional[ImageScore], classes: Sequence[str]) -> str:
    """Why an image was chosen.

    Args:
        by (str): The criterion.
        choice (Choice): All that were chosen.
        place (int): Which of them, from 0.
        score (ImageScore, optional): Of the image. None if it was drawn at
            random.
        classes (Sequence[str]): Class names.
    """
    if score is None:
        text = 'Drawn at random.'
    else:
        doubtful = ', '.join(
            f'{classes[index]} ({score.class_doubt[index]:.4g})'
            for index in score.doubtful_classes()[:_MOST_CLASSES])
        text = (f'Rank {choice.ranks[choice.indices[place]]} of '
                f'{len(choice.ranks)} by {by}, score {score.score:.4g}. '
                f'Most doubtful: {doubtful}.')
    if choice.distances is not None and np.isfinite(choice.distances[place]):
        text += (f' Distance {choice.distances[place]:.3g} from the nearest '
                 'image that is labelled or was chosen before.')
    return text
