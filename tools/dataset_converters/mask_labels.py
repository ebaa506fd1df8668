# Copyright (c) prcl_mmseg authors. All rights reserved.
"""From the names on shapes to class numbers."""
import difflib
from collections import Counter
from typing import Dict, Iterable, List, Mapping, Optional, Sequence

VOID = 255
# How often a label stands there, for one whose name was mistyped.
_MUCH_MORE = 5
# Names of pixels that mean nothing: LabelMe's, and that of --rest.
_VOID_NAMES = ('__ignore__', 'void')


def class_numbers(labels: Iterable[str],
                  rest: str,
                  classes: Optional[Sequence[str]] = None,
                  void: Sequence[str] = (),
                  known: Sequence[str] = (),
                  places: Optional[Mapping[str, object]] = None
                  ) -> Dict[str, int]:
    """Number the classes.

    Args:
        labels (Iterable[str]): The name of every shape.
        rest (str): Class of the pixels outside all shapes, or 'void'.
        classes (Sequence[str], optional): All names in their order. Defaults
            to None: the known ones, ``rest``, then the labels by name.
        void (Sequence[str]): Labels whose pixels count for nothing.
        known (Sequence[str]): Names that have numbers already. Defaults to
            ().
        places (Mapping[str, object], optional): A file that has the label,
            for messages. Defaults to None.

    Returns:
        dict[str, int]: The number of each label and of ``rest``.

    Raises:
        ValueError: If labels differ by capitals or spaces only, are not
            among ``classes``, are too many, or all void.
    """
    count = Counter(labels)
    void = [*void, *_VOID_NAMES]
    for name, times in Counter(classes or ()).items():
        if times > 1:
            raise ValueError(f'--classes has {name!r} {times} times; each '
                             'class has one number')
    names = [name for name in count if name not in void]
    known = [name for name in known if name not in void]
    places = places or {}
    _refuse_similar(known, names, count)
    if rest not in (*void, *names):
        names.append(rest)
    if classes is None:
        classes = known + sorted(set(names) - set(known),
                                 key=lambda name: (name != rest, name))
    unknown = sorted(set(names) - set(classes))
    if unknown:
        raise ValueError(
            '--classes lacks ' + ', '.join(
                f'{name!r}' + (f' ({places[name]}, for one)'
                               if name in places else '')
                for name in unknown) +
            '; add them, or --rename them, or make them --void')
    if len(classes) > VOID:
        raise ValueError(f'{len(classes)} classes are more than a PNG of 8 '
                         f'bits holds, {VOID}; --rename some')
    # What counts for nothing has no number among the others.
    classes = [name for name in classes if name not in void]
    if not classes:
        raise ValueError('all labels are void, so no class is left; give '
                         'fewer names by --void')
    return {
        **{name: number for number, name in enumerate(classes)},
        **dict.fromkeys(void, VOID)
    }


def class_names(numbers: Dict[str, int]) -> List[str]:
    """The classes in the order of their numbers."""
    return [name for name, number in sorted(
        numbers.items(), key=lambda item: item[1]) if number != VOID]


def typing_errors(count: Mapping[str, int]) -> List[str]:
    """Rare labels that look like frequent ones, as notes for people."""
    notes = []
    for name in count:
        frequent = [other for other in count
                    if count[other] >= _MUCH_MORE * count[name]]
        for other in difflib.get_close_matches(name, frequent, 1, 0.85):
            notes.append(f'{name!r} ({count[name]} shapes) looks like '
                         f'{other!r} ({count[other]} shapes). If it is a '
                         f'typing error: --rename {name!r}={other!r}')
    return notes


def _refuse_similar(known: Sequence[str], names: Sequence[str],
                    count: Counter) -> None:
    alike: Dict[str, List[str]] = {}
    for name in dict.fromkeys([*known, *names]):
        alike.setdefault(' '.join(name.lower().split()), []).append(name)
    for group in alike.values():
        if len(group) > 1:
            # Known names come first, and may have no shape this time.
            most = group[0] if group[0] in known else max(
                group, key=lambda name: count[name])
            told = ', '.join(f'{name!r} ({count[name]} shapes)'
                             for name in sorted(group))
            options = ' '.join(f'--rename {name!r}={most!r}'
                               for name in sorted(group) if name != most)
            raise ValueError(f'the labels {told} differ by capitals or spaces '
                             f'only; if they are the same, {options}')
