# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Masks of shapes: LabelMe and COCO."""
import argparse
from collections import Counter
from typing import Dict

import numpy as np
from distinct_colors import distinct_colors
from mask_labels import class_names, class_numbers, typing_errors
from mask_output import Made, finish, mask_files, save
from mask_photographs import check_sizes
from mask_shapes import DrawnImage, damage, read_coco, read_labelme

from prcl_mmseg.datasets.thread_map import thread_map


def convert_shapes(args: argparse.Namespace) -> None:
    """Draw the shapes of all images."""
    if args.format == 'labelme':
        args.images = args.source
        images = read_labelme(args.source)
    else:
        images = read_coco(args.source, args.images)
    renames = dict(_renaming(text) for text in args.rename)
    images = [
        image._replace(shapes=[
            shape._replace(label=renames.get(shape.label, shape.label))
            for shape in image.shapes
        ]) for image in images
    ]
    empty = sum(not image.shapes for image in images)
    if args.empty == 'unlabeled':
        images = [image for image in images if image.shapes]
    if not images:
        raise ValueError(f'{args.source}: no image has a shape')
    labels = [shape.label for image in images for shape in image.shapes]
    known = args.known.colors
    # A class keeps its number under its new name.
    earlier = dict.fromkeys(name if name in labels else
                            renames.get(name, name) for name in known)
    places = {shape.label: image.path
              for image in images for shape in image.shapes}
    numbers = class_numbers(labels, args.rest, args.classes, args.void,
                            list(earlier), places)
    targets = mask_files(args, [image.path for image in images])
    check_sizes([image.path for image in images],
                lambda index: images[index].size,
                [image.source for image in images])

    def make(index: int) -> Made:
        mask, overlap = draw(images[index], numbers, args)
        return save(mask, targets[index], overlap)

    made = list(thread_map(make, len(images), 'Drawing masks'))
    classes = class_names(numbers)
    count = Counter(labels)
    colors = distinct_colors(len(classes), args.rest == classes[0])
    colors = [known.get(name, color) for name, color in zip(classes, colors)]
    finish(args, targets, made, classes, colors, {
        'shapes': [count[name] for name in classes]})
    for note in typing_errors(count):
        print(f'NOTE: {note}')
    overlapping = sum(image.overlap > 0 for image in made)
    if overlapping:
        print(f'In {overlapping} images shapes of different classes overlap: '
              f'the {args.on_top} one is on top (--on-top)')
    if empty and args.empty == 'unlabeled':
        print(f'{empty} images without any shape are left unlabelled; '
              f'--empty rest makes them {args.rest}')


def draw(image: DrawnImage, numbers: Dict[str, int],
         args: argparse.Namespace) -> tuple:
    """The mask of an image, and how many pixels two classes claim."""
    width, height = image.size
    mask = np.full((height, width), numbers[args.rest], np.uint8)
    claimed = np.full((height, width), -1, np.int16)
    overlap = np.zeros((height, width), bool)
    with damage(image.source, f'a shape of {image.path.name}'):
        regions = [(shape.mask(height, width), numbers[shape.label])
                   for shape in image.shapes]
    if args.on_top == 'smallest':
        regions.sort(key=lambda region: -int(region[0].sum()))
    for region, number in regions:
        overlap |= region & (claimed >= 0) & (claimed != number)
        mask[region] = claimed[region] = number
    return mask, int(overlap.sum())


def _renaming(text: str) -> tuple:
    old, equal, new = text.partition('=')
    if not (old and equal and new):
        raise ValueError(f'--rename {text!r} is not OLD=NEW')
    return old, new
