# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Rank unlabelled images by how much it would help to label them next.

``python tools/analysis_tools/label_next.py CONFIG CHECKPOINT --count 20``
"""
import argparse
import os.path as osp
import sys
from pathlib import Path
from typing import List

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# First of all, to say so if the packages below don't fit.
import prcl_mmseg  # noqa: E402, F401

import numpy as np  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.runner import set_random_seed  # noqa: E402
from mmengine.utils import track_iter_progress  # noqa: E402
from mmseg.apis import init_model  # noqa: E402

from prcl_mmseg.datasets import check_images  # noqa: E402
from prcl_mmseg.engine.tool_config import (  # noqa: E402
    add_predicting_arguments, positive, read_predicting_config)
from prcl_mmseg.models.segmentors.image_channels import (  # noqa: E402
    image_channels)
from prcl_mmseg.prediction import check_class_names  # noqa: E402
from prcl_mmseg.selection import (  # noqa: E402
    CRITERIA, Card, Choice, Finding, ImagePool, PagePictures, Predictor,
    check_criterion, check_folder, choose, find_pool, list_lines,
    loading_pipeline, look_at, say_reason, say_spread, say_summary,
    write_lists, write_page)


def parse_args() -> tuple:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_predicting_arguments(parser)
    parser.add_argument(
        '--count',
        type=positive,
        default=20,
        help='how many images to propose; 20 by default')
    parser.add_argument(
        '--by',
        choices=list(CRITERIA),
        default='entropy',
        help='what tells that a pixel is doubtful; entropy by default')
    parser.add_argument(
        '--diverse',
        action=argparse.BooleanOptionalAction,
        help='of the best images take different ones, which also differ from '
        'the labelled ones; the default, but not of --by random')
    parser.add_argument(
        '--images',
        help='folder of images, subfolders included, instead of the '
        'unlabelled ones of the config')
    parser.add_argument(
        '--out',
        default='label_next',
        help='folder for lists, table and page; label_next by default')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace earlier results')
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of --by random, and of random augmentations; 0 by default')
    args = parser.parse_args()
    if args.diverse is None:
        args.diverse = args.by != 'random'
    if args.images is not None and not osp.isdir(args.images):
        parser.error(f'--images {args.images!r} is no folder')
    cfg = read_predicting_config(args, parser)
    return args, cfg, parser


def prepare(args: argparse.Namespace, cfg: Config) -> tuple:
    """Images, their lines and the model; finds what is wrong with them."""
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    pipeline, num_views = loading_pipeline(cfg, args.by == 'views')
    pool = find_pool(cfg, pipeline, args.images)
    if pool.left_out:
        print(f'{pool.left_out} files are left out: they are labelled, masks, '
              'those of the validation, or there twice')
    if args.count > len(pool.candidates):
        raise ValueError(f'--count {args.count}: only {len(pool.candidates)} '
                         'unlabelled images are left; ask for fewer')
    check_folder(args.out, pool, args.overwrite)
    lines = list_lines(pool)
    model = init_model(cfg, args.checkpoint, device=args.device)
    check_criterion(args.by, model, num_views)
    check_class_names(model, args.checkpoint)
    check_images(pool.candidates[0].dataset,
                 args.images or 'train_dataloader.dataset.unlabeled',
                 image_channels(model))
    return pool, lines, model


def look_at_all(args: argparse.Namespace, pool: ImagePool,
                predictor: Predictor, num_classes: int) -> tuple:
    """The findings of all candidates, their scores, and the choice."""
    findings = [Finding()] * len(pool.candidates)
    if args.by != 'random' or args.diverse:
        findings = look_at(pool.candidates, predictor, num_classes)
    if args.by == 'random':
        scores = np.random.default_rng(args.seed).random(len(findings))
    else:
        scores = [finding.score.score for finding in findings]
    if not args.diverse:
        return findings, scores, choose(scores, args.count)
    labeled = look_at(pool.labeled, predictor, num_classes)
    descriptors, centers = (
        np.stack([finding.descriptor for finding in part])
        for part in (findings, labeled))
    return findings, scores, choose(scores, args.count, descriptors, centers)


def draw_page(args: argparse.Namespace, pool: ImagePool, lines: List[str],
              predictor: Predictor, findings: List[Finding],
              choice: Choice) -> Path:
    """Predict the chosen images once more, and draw them."""
    meta = predictor.model.dataset_meta
    limits = None
    if args.by != 'random':
        lows, highs = zip(*(findings[i].limits for i in choice.indices))
        limits = (min(lows), max(highs))
    pictures, cards = PagePictures(args.out, meta['palette'], limits), []
    for place, index in enumerate(track_iter_progress(choice.indices)):
        image = pool.candidates[index]
        reason = say_reason(args.by, choice, place, findings[index].score,
                            meta['classes'])
        cards.append(
            Card(lines[index], image.path, reason,
                 *pictures.draw(place + 1, predictor(image.load()))))
    summary = say_summary(args.by, args.diverse, args.count, len(lines))
    return write_page('Images to label next', summary, CRITERIA[args.by],
                      cards, pictures, meta['classes'])


def run(args: argparse.Namespace, cfg: Config) -> None:
    pool, lines, model = prepare(args, cfg)
    set_random_seed(args.seed)
    classes = model.dataset_meta['classes']
    predictor = Predictor(model, args.by, args.diverse)
    findings, scores, choice = look_at_all(args, pool, predictor,
                                           len(classes))
    order = {index: place for place, index in enumerate(choice.indices, 1)}
    write_lists(
        args.out, lines, choice.indices,
        dict(
            path=[image.path for image in pool.candidates],
            score=[f'{score:.6g}' for score in scores],
            rank=choice.ranks,
            chosen=[order.get(index, '') for index in range(len(lines))],
            most_doubtful_class=[
                classes[finding.score.doubtful_classes()[0]]
                if finding.score else '' for finding in findings
            ]))
    warning = say_spread(scores) if args.by != 'random' else None
    if warning:
        print(warning)
    page = draw_page(args, pool, lines, predictor, findings, choice)
    print(f'{args.count} of {len(lines)} images are in '
          f'{osp.join(args.out, "label_next.txt")}. Look at {page}')


def main() -> None:
    args, cfg, parser = parse_args()
    try:
        run(args, cfg)
    except (FileNotFoundError, FileExistsError, ValueError) as error:
        parser.error(str(error))


if __name__ == '__main__':
    main()
