# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Which images to label next: scores, a diverse choice, lists and a page."""
from .choice import Choice, choose
from .finding import Finding, look_at
from .image_pool import ImagePool, PoolImage, find_pool, loading_pipeline
from .image_score import ImageScore, score_image
from .k_center import farthest_first
from .label_page import Card, PagePictures, write_page
from .lists import check_folder, list_lines, write_lists
from .pixel_doubt import CRITERIA, check_criterion, pixel_doubt
from .predictor import ImagePrediction, Predictor
from .wording import say_reason, say_spread, say_summary

__all__ = [
    'CRITERIA', 'Card', 'Choice', 'Finding', 'ImagePool', 'ImagePrediction',
    'ImageScore', 'PagePictures', 'PoolImage', 'Predictor', 'check_criterion',
    'check_folder', 'choose', 'farthest_first', 'find_pool', 'list_lines',
    'loading_pipeline', 'look_at', 'pixel_doubt', 'say_reason', 'say_spread',
    'say_summary', 'score_image', 'write_lists', 'write_page'
]
