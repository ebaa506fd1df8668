# Copyright (c) prcl_mmseg authors. All rights reserved.
"""One clear message when the OpenMMLab packages don't fit."""
import importlib.util
import re
from importlib.metadata import distributions
from typing import Dict, List, NamedTuple, Optional, Tuple


class Requirement(NamedTuple):
    """What may provide a module; the first name is the one to install.

    ``too_new`` is the first version known not to work, if there is one.
    """

    distributions: Tuple[str, ...]
    oldest: str
    install: str
    too_new: Optional[str] = None


OFFICIAL = dict(
    mmengine=Requirement(
        ('mmengine', 'mmengine-lite'), '0.10.7', 'mmengine>=0.10.7,<0.11'),
    # mmsegmentation 1.2.2 refuses to be imported beside mmcv 2.2.
    mmcv=Requirement(
        ('mmcv-lite', 'mmcv', 'mmcv-full'), '2.1.0', 'mmcv-lite>=2.1.0,<2.2',
        '2.2'),
    mmseg=Requirement(
        ('mmsegmentation', ), '1.2.2', 'mmsegmentation>=1.2.2,<1.3'))
FORK = dict(
    mmengine=Requirement(
        ('onedl-mmengine', ), '0.10.12', 'onedl-mmengine>=0.10.12,<0.11'),
    mmcv=Requirement(('onedl-mmcv', ), '2.3.6', 'onedl-mmcv>=2.3.6,<2.4'),
    mmseg=Requirement(
        ('onedl-mmsegmentation', ), '1.4.2',
        'onedl-mmsegmentation>=1.4.2,<1.5'))
FAMILIES = dict(official=OFFICIAL, onedl=FORK)


def installed_versions() -> Dict[str, str]:
    """Versions of all installed distributions by normalized name."""
    return {
        re.sub('[-_.]+', '-', dist.metadata['Name'] or '').lower():
        dist.version
        for dist in distributions()
    }


def find_problem(versions: Dict[str, str],
                 importable: Tuple[str, ...] = ()) -> Optional[str]:
    """What is wrong with the installed OpenMMLab packages, and the cure.

    Args:
        versions (dict[str, str]): Version of each installed distribution.
        importable (tuple[str]): Import names that work without one, such as
            those of source checkouts.

    Returns:
        str, optional: What is missing, too old, too new or mixed, what was
        found, and the commands that cure it. None if all is well.
    """
    found = {family: _installed_names(family, versions)
             for family in FAMILIES}
    present = [name for names in found.values() for name in names]
    listed = ', '.join(f'{name} {versions[name]}' for name in present)
    if all(found.values()):
        return ('two OpenMMLab families are mixed, and overwrite each '
                f"other's files: found {listed}. Keep one of them:\n"
                f'  pip uninstall -y {" ".join(present)}\n'
                f'  {_install_command(FORK)}')
    family = FAMILIES['official' if found['official'] else 'onedl']
    problems, cures = [], {}
    for module, requirement in family.items():
        problem = _module_problem(module, requirement, versions, importable)
        if problem is not None:
            problems.append(problem)
            cures[module] = requirement
    if not problems:
        return None
    return (f'{", ".join(problems)}; found {listed or "no OpenMMLab package"}.'
            f' Cure:\n  {_install_command(cures)}')


def check_dependencies() -> None:
    """Raise ImportError, with the cure, unless the packages fit."""
    problem = find_problem(
        installed_versions(),
        tuple(module for module in OFFICIAL if _is_importable(module)))
    if problem is not None:
        raise ImportError(f'prcl_mmseg cannot be used: {problem}')


def _installed_names(family: str, versions: Dict[str, str]) -> List[str]:
    return [
        name for requirement in FAMILIES[family].values()
        for name in requirement.distributions if name in versions
    ]


def _module_problem(module: str, requirement: Requirement,
                    versions: Dict[str, str],
                    importable: Tuple[str, ...]) -> Optional[str]:
    names = [name for name in requirement.distributions if name in versions]
    if not names and module not in importable:
        return f'{module} is missing'
    for name in names:
        version = versions[name]
        if _numbers(version) < _numbers(requirement.oldest):
            return (f'{module} is {version} ({name}), older than '
                    f'{requirement.oldest}')
        too_new = requirement.too_new
        if too_new and _numbers(version) >= _numbers(too_new):
            return f'{module} is {version} ({name}), which must be < {too_new}'
    return None


def _install_command(requirements: Dict[str, Requirement]) -> str:
    specs = [f"'{item.install}'" for item in requirements.values()]
    if requirements.get('mmseg') is OFFICIAL['mmseg']:
        # What mmsegmentation and mmengine import without saying so.
        specs += ['ftfy', 'regex', "'setuptools<82'"]
    return f'pip install {" ".join(specs)}'


def _is_importable(module: str) -> bool:
    """Whether there is a module, and not just a folder of that name."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None


def _numbers(version: str) -> Tuple[int, ...]:
    numbers = [int(part) for part in re.findall(r'\d+', version)[:3]]
    return tuple(numbers + [0] * (3 - len(numbers)))
