# Copyright (c) prcl_mmseg authors. All rights reserved.
import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
# What `mim` and `prcl_mmseg::` look for in the folder `.mim` of a package, and
# what tools/benchmark.py needs beside them.
MIM = ('configs', 'tools', 'model-index.yml', 'benchmarks/experiments')


def read_requirements(name: str) -> list:
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


class BuildWithMim(build_py):
    """Ships configs and tools within the package, as OpenMMLab's do.

    An editable installation links them, so that it has what the clone has.
    """

    def run(self) -> None:
        super().run()
        if getattr(self, 'editable_mode', False):
            folder = ROOT / 'prcl_mmseg' / '.mim'
            for name in MIM:
                link = folder / name
                if not link.exists():
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.unlink(missing_ok=True)
                    os.symlink(os.path.relpath(ROOT / name, link.parent), link)
            return
        folder = Path(self.build_lib) / 'prcl_mmseg' / '.mim'
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in MIM:
            if (ROOT / name).is_dir():
                shutil.copytree(
                    ROOT / name,
                    folder / name,
                    ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))
            else:
                shutil.copy(ROOT / name, folder / name)


version = {}
exec((ROOT / 'prcl_mmseg' / 'version.py').read_text(), version)

# The OpenMMLab packages are not among the requirements: two families provide
# the same modules, and installing one over the other breaks both. They are in
# requirements/mminstall*.txt, and importing prcl_mmseg says what is missing.
setup(
    name='prcl_mmseg',
    version=version['__version__'],
    description='Semi-supervised semantic segmentation with probabilistic '
    'representation contrastive learning (PRCL) for MMSegmentation',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='prcl_mmseg authors',
    license='Apache-2.0',
    keywords='semantic segmentation, semi-supervised learning, contrastive '
    'learning, uncertainty',
    classifiers=[
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    packages=find_packages(include=['prcl_mmseg', 'prcl_mmseg.*']),
    cmdclass=dict(build_py=BuildWithMim),
    python_requires='>=3.9',
    install_requires=read_requirements('runtime'),
    package_data={'prcl_mmseg': ['py.typed']},
    extras_require=dict(
        tests=read_requirements('tests'),
        docs=read_requirements('docs'),
        optional=read_requirements('optional'),
        all=[
            line for name in ('tests', 'docs', 'optional')
            for line in read_requirements(name)
        ]),
    zip_safe=False)
