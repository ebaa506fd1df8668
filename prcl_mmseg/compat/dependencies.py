# Copyright (c) prcl_mmseg authors. All rights reserved.
"""One clear message when the OpenMMLab packages don't fit."""
import importlib.util
import re
from importlib.metadata import distributions
from typing import Dict, Optional, Tuple

# Import name: (distributions that provide it, oldest version that works).
OFFICIAL = dict(
    mmengine=(('mmengine', 'mmengine-lite'), '0.10.7'),
    mmcv=(('mmcv', 'mmcv-lite'), '2.1.0'),
    mmseg=(('mmsegmentation', ), '1.2.2'))
FORK = dict(
    mmengine=(('onedl-mmengine', ), '0.10.12'),
    mmcv=(('onedl-mmcv', ), '2.3.6'),
    mmseg=(('onedl-mmsegmentation', ), '1.4.2'))
FAMILIES = dict(official=OFFICIAL, onedl=FORK)

CURE = ('Install one family only, in a fresh environment:\n'
        '  pip install -r requirements/mminstall.txt            # default\n'
        '  pip install -r requirements/mminstall-openmmlab.txt  # official')


def installed_versions() -> Dict[str, str]:
    """Versions of all installed distributions by lower-case name."""
    return {(dist.metadata['Name'] or '').lower(): dist.version
            for dist in distributions()}


def find_problem(versions: Dict[str, str],
                 importable: Tuple[str, ...] = ()) -> Optional[str]:
    """What is wrong with the installed OpenMMLab packages, if anything.

    Args:
        versions (dict[str, str]): Version of each installed distribution.
        importable (tuple[str]): Import names that work without one, such as
            those of source checkouts.

    Returns:
        str, optional: What is missing, too old or mixed, or None.
    """
    found = {}
    for family, packages in FAMILIES.items():
        for names, _ in packages.values():
            for name in names:
                if name in versions:
                    found.setdefault(family, []).append(
                        f'{name} {versions[name]}')
    if len(found) > 1:
        listed = '; '.join(f'{family}: {", ".join(names)}'
                           for family, names in found.items())
        return ('two OpenMMLab families are mixed, and overwrite each '
                f"other's files ({listed})")
    packages = FAMILIES[next(iter(found), 'onedl')]
    problems = []
    for module, (names, oldest) in packages.items():
        version = next((versions[n] for n in names if n in versions), None)
        if version is None:
            if module not in importable:
                problems.append(f'{module} is missing')
        elif _numbers(version) < _numbers(oldest):
            problems.append(f'{module} is {version}, older than {oldest}')
    return ', '.join(problems) or None


def check_dependencies() -> None:
    """Raise ImportError, with the cure, unless the packages fit."""
    importable = tuple(
        module for module in OFFICIAL if importlib.util.find_spec(module))
    problem = find_problem(installed_versions(), importable)
    if problem is not None:
        raise ImportError(f'prcl_mmseg cannot be used: {problem}.\n{CURE}')


def _numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r'\d+', version)[:3])
