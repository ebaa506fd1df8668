# Copyright (c) prcl_mmseg authors. All rights reserved.
from fractions import Fraction
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
from split_choice import rank_balanced, rank_uniform
from split_files import histogram, read_manifest
from split_source import SplitSource

from prcl_mmseg.datasets import SplitEntry

_ALL_VALUES = 256


def make_split(
    source: SplitSource,
    count: Optional[int] = None,
    fraction: Optional[Fraction] = None,
    val_count: int = 0,
    val_fraction: Optional[Fraction] = None,
    balance: str = 'classes',
    seed: int = 0,
    classes: Sequence[str] = (),
    min_pixels: int = 1,
    workers: int = 4,
    more_unlabeled: Sequence[SplitEntry] = ()
) -> Tuple[Dict[str, List[SplitEntry]], Dict[str, Any]]:
    """Divide the images of a data set into labelled, unlabelled and val.

    Val is set apart first and doesn't depend on ``count``; it leaves the last
    image of a class to training as long as it can. A smaller labelled set is
    the beginning of a larger one with the same seed. Every other image, with
    or without mask, is unlabelled.

    Args:
        source (SplitSource): The images.
        count (int, optional): Labelled images. Defaults to None.
        fraction (Fraction, optional): Instead, the share of the images with
            masks that remain after val. Defaults to None; if ``count`` is
            None too, all of them.
        val_count (int): Images with masks for val. Defaults to 0.
        val_fraction (Fraction, optional): Instead, their share. Defaults to
            None.
        balance (str): 'classes' covers rare classes and keeps the share of
            all (:func:`rank_balanced`); 'none' draws uniformly and reads the
            chosen masks only. Defaults to 'classes'.
        seed (int): The same seed gives the same split. Defaults to 0.
        classes (Sequence[str]): Names of the classes. Defaults to (), the
            numbers found in the masks.
        min_pixels (int): An image shows a class from so many pixels on.
            Defaults to 1.
        workers (int): Threads that read masks. Defaults to 4.
        more_unlabeled (Sequence[SplitEntry]): Further unlabelled images,
            less those that are labelled or in val. Defaults to ().

    Returns:
        tuple[dict, dict]: Entries by list name, and what
        :func:`write_splits` shall tell about them in the manifest.

    Raises:
        ValueError: If a number doesn't fit the images there are, or a mask
            holds wrong labels.
    """
    everything = np.arange(len(source.masked))
    num_classes = len(classes) or _ALL_VALUES
    pixels = None
    if balance == 'classes':
        pixels = source.class_pixels(num_classes, workers=workers)

    def choose(available: np.ndarray, number: int,
               reserve: int) -> np.ndarray:
        if pixels is None:
            return available[rank_uniform(len(available), seed)[:number]]
        presence = pixels[available] >= max(1, min_pixels)
        return available[rank_balanced(presence, number, seed, reserve)]

    val = choose(everything,
                 _number(val_count, val_fraction, len(everything), 'val'), 1)
    rest = np.setdiff1d(everything, val)
    labeled = choose(rest, _number(count, fraction, len(rest), 'labelled'), 0)
    if not len(labeled):
        raise ValueError('No image is labelled; ask for fewer in val or more '
                         'labelled ones.')
    chosen = {'labeled.txt': labeled}
    if len(val):
        chosen['val.txt'] = np.sort(val)
    lists = {
        name: [source.masked[index] for index in indices]
        for name, indices in chosen.items()
    }
    used = {entry.image for part in lists.values() for entry in part}
    images = {entry.image for entry in
              [*source.masked, *source.bare, *more_unlabeled]}
    lists['unlabeled.txt'] = [SplitEntry(image)
                              for image in sorted(images - used)]

    counted = {
        name: source.class_pixels(num_classes, indices, workers)
        if pixels is None else pixels[indices]
        for name, indices in chosen.items()
    }
    classes = classes or _found_classes(
        counted.values() if pixels is None else [pixels])
    manifest = dict(
        seed=seed,
        balance=balance,
        min_pixels=min_pixels,
        requested=str(fraction or count or 'all'),
        images=len(images),
        masks=len(source.masked),
        classes=list(classes),
        lists=_histograms(counted, classes))
    if pixels is not None:
        manifest['all_masks'] = histogram(pixels[:, :len(classes)], classes)
    return lists, manifest


def extend_split(
    source: SplitSource,
    folder: Path,
    classes: Sequence[str] = (),
    only: Optional[str] = None,
    made_of: Optional[str] = None
) -> Tuple[Dict[str, List[SplitEntry]], Dict[str, Any]]:
    """Label the unlabelled images that have a mask by now.

    Images that are in no list yet become labelled or unlabelled, too, but
    only those of the list that the splits were made of, if there was one.
    Val remains.

    Args:
        source (SplitSource): The images as they are now.
        folder (Path): Lists and manifest of :func:`make_split`.
        classes (Sequence[str]): Names of the classes. Defaults to (), the
            numbers found in the masks.
        only (str, optional): List of the images that may become labelled.
            Defaults to None, all; needed where masks were held back.
        made_of (str, optional): List of the images that the splits were made
            of. Defaults to None, all of the source.

    Returns:
        tuple[dict, dict]: As :func:`make_split`.

    Raises:
        FileNotFoundError: If the folder holds no such lists.
        ValueError: If no further image has a mask, or it is not clear which
            ones may become labelled.
    """
    manifest = read_manifest(folder)
    if only is None and manifest['requested'] != 'all':
        raise ValueError(
            f'{folder} was made with {manifest["requested"]} labelled images '
            'out of more that have masks; list those that may become '
            'labelled by --only')
    chosen = {
        name: _images(source, folder / name)
        for name in ('labeled.txt', 'val.txt')
        if name == 'labeled.txt' or (folder / name).is_file()
    }
    place = {entry.image: index for index, entry in enumerate(source.masked)}
    found = {entry.image for entry in source.bare}.union(place)
    if made_of:
        # The others are held back, such as for a test.
        found.intersection_update(_images(source, Path(made_of)))
    unlabeled = found.union(_images(
        source, folder / 'unlabeled.txt')).difference(*chosen.values())
    new = [image for image in place if image in unlabeled]
    if only is not None:
        listed = set(_images(source, Path(only)))
        new = [image for image in new if image in listed]
    if not new:
        raise ValueError(
            f'no unlabelled image{f" of {only}" if only else ""} has a mask. '
            'Draw masks first, where the data set looks for them')
    chosen['labeled.txt'] += new
    lists: Dict[str, List[SplitEntry]] = {}
    counted = {}
    for name, images in chosen.items():
        gone = [image for image in images if image not in place]
        if gone:
            raise ValueError(f'{folder / name}: {gone[0]} has no mask any '
                             'more; restore it')
        indices = np.array([place[image] for image in images], int)
        lists[name] = [source.masked[index] for index in indices]
        counted[name] = source.class_pixels(
            len(classes) or _ALL_VALUES, indices)
    lists['unlabeled.txt'] = [
        SplitEntry(image) for image in sorted(unlabeled.difference(new))
    ]
    classes = classes or _found_classes(counted.values())
    # It told of the masks that there were.
    manifest.pop('all_masks', None)
    manifest.update(
        images=sum(map(len, lists.values())), masks=len(place),
        classes=list(classes), lists=_histograms(counted, classes))
    return lists, manifest


def _images(source: SplitSource, path: Path) -> List[str]:
    # Else it is looked for below the root.
    place = path.resolve() if path.exists() else path
    return [entry.image for entry in source.read_images(str(place))]


def _found_classes(pixels: Iterable[np.ndarray]) -> List[str]:
    """The numbers up to the largest one in the masks."""
    last = np.flatnonzero(sum(part.sum(0) for part in pixels)).max(initial=0)
    return [str(label) for label in range(last + 1)]


def _histograms(pixels: Dict[str, np.ndarray],
                classes: Sequence[str]) -> Dict[str, dict]:
    return {name: histogram(rows[:, :len(classes)], classes)
            for name, rows in pixels.items()}


def _number(count: Optional[int], fraction: Optional[Fraction],
            available: int, what: str) -> int:
    if fraction is not None:
        if not 0 < fraction <= 1:
            raise ValueError(f'{fraction} is no fraction of the images; give '
                             f'a number in (0, 1] for {what}.')
        count = max(1, int(available * fraction + Fraction(1, 2)))
    elif count is None:
        count = available
    if not 0 <= count <= available:
        raise ValueError(f'{count} {what} images cannot be chosen: '
                         f'{available} images with masks are left. Ask for '
                         'fewer.')
    return count
