# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What a grid file says, as a list of runs with resolved configs."""
import copy
import os.path as osp
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Dict, List, Sequence, Tuple

from mmengine.config import Config

from prcl_mmseg.engine.config_options import merge_options
from prcl_mmseg.engine.tool_config import open_config

from .config_lists import leaf_dataset, list_digests
from .fingerprint import digest, effective, plain
from .grid_check import check_content, check_run


@dataclass(frozen=True, eq=False)
class Run:
    """One training of a grid, and how it is scored.

    Args:
        grid (str): Name of the grid.
        method (str): Name of the method.
        split (str): Name of the split.
        seed (int): Seed of the run.
        config (Config): The resolved config, without ``work_dir``.
        pseudo_labels (bool): Whether predictions for the unlabelled list are
            scored.
    """
    grid: str
    method: str
    split: str
    seed: int
    config: Config
    pseudo_labels: bool = False

    @property
    def name(self) -> str:
        """str: Names the run within its grid, and its files."""
        return f'{self.method}_{self.split}_seed{self.seed}'

    @property
    def title(self) -> str:
        """str: The run in words."""
        return f'{self.method}, split {self.split}, seed {self.seed}'

    @property
    def max_iters(self) -> int:
        """int: Length of the training."""
        return self.config.train_cfg.max_iters

    @cached_property
    def config_hash(self) -> str:
        """str: Changes with whatever of the config has an effect."""
        return digest([effective(plain(self.config)), self.pseudo_labels])

    @cached_property
    def data_hash(self) -> str:
        """str: Changes with any line of a list that the config names."""
        return digest(list_digests(self.config))


@dataclass(frozen=True, eq=False)
class Grid:
    """The runs of a grid file.

    Args:
        name (str): The file's name without suffix.
        methods (Sequence[str]): Names in the file's order, as are the others.
        splits (Sequence[str]): Names of the splits.
        seeds (Sequence[int]): The seeds.
        runs (Sequence[Run]): All combinations, seed by seed, so that an
            unfinished grid already compares methods.
    """
    name: str
    methods: Sequence[str]
    splits: Sequence[str]
    seeds: Sequence[int]
    runs: Sequence[Run]

    def select(self, wanted: Dict[str, Sequence[str]]) -> List[Run]:
        """The runs with these values.

        Args:
            wanted (dict): Names by 'method', 'split' or 'seed'.

        Raises:
            ValueError: If the grid has no such method, split or seed.
        """
        known = dict(
            method=list(self.methods),
            split=list(self.splits),
            seed=list(map(str, self.seeds)))
        for kind, names in wanted.items():
            if kind not in known:
                raise ValueError(f'--only {kind}=... selects nothing; use '
                                 'method=, split= or seed=')
            for name in names:
                if name not in known[kind]:
                    raise ValueError(
                        f'--only {kind}={name}: the grid {self.name!r} has no '
                        f'{kind} {name!r}; it has {", ".join(known[kind])}')
        return [
            run for run in self.runs
            if all(str(getattr(run, kind)) in names
                   for kind, names in wanted.items())
        ]


def load_grid(path: str, root: str) -> Grid:
    """Read a grid file.

    A grid file is a config of MMEngine, so it may inherit another grid. It
    holds ``methods`` (name: ``dict(config=..., cfg_options=...)``),
    ``splits`` (name: ``dict(labeled=..., unlabeled=..., cfg_options=...)``,
    all optional; ``{seed}`` in a list's path is the seed), ``seeds``,
    ``cfg_options`` for all runs and ``pseudo_labels``. Options of the split
    override those of the grid, those of the method override both.

    Args:
        path (str): The grid file.
        root (str): Where configs are that are not found from the grid file's
            folder.

    Returns:
        Grid: Its runs, configs resolved.

    Raises:
        FileNotFoundError: If the file or a config does not exist.
        ValueError: If a key is missing, unknown or of the wrong kind.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'grid {path!r} does not exist; the ready '
                                'ones are below benchmarks/grids/')
    content = open_config(path)._cfg_dict.to_dict()
    check_content(content, path)
    name = osp.splitext(osp.basename(path))[0]
    bases = {
        method: _read_config(path, root, method, entry['config'])
        for method, entry in content['methods'].items()
    }
    runs = [
        Run(name, method, split, seed,
            _resolve(bases[method], content, path, method, split, seed),
            content.get('pseudo_labels', False))
        for seed in content['seeds'] for split in content['splits']
        for method in content['methods']
    ]
    files: Dict[str, Run] = {}
    for run in runs:
        other = files.setdefault(run.name, run)
        if other is not run:
            raise ValueError(f'{path!r}: the result of "{run.title}" and that '
                             f'of "{other.title}" would be one file, '
                             f'{run.name}.json; rename a method or a split')
    return Grid(name, list(content['methods']), list(content['splits']),
                content['seeds'], runs)


def _read_config(path: str, root: str, method: str, config: str) -> Config:
    places = [osp.dirname(osp.abspath(path)), root]
    for place in places:
        if osp.isfile(osp.join(place, config)):
            try:
                return open_config(osp.join(place, config))
            except ValueError as error:
                raise ValueError(f'methods[{method!r}] in {path!r}: '
                                 f'{error}') from error
    raise FileNotFoundError(
        f'methods[{method!r}].config in {path!r} is {config!r}, but there is '
        f'no such file below {" or ".join(map(str, places))}')


def _resolve(base: Config, content: dict, path: str, method: str, split: str,
             seed: int) -> Config:
    cfg = Config(copy.deepcopy(base._cfg_dict))
    for whose, entry in ((f'for methods[{method!r}]', content),
                         (f'of splits[{split!r}]', content['splits'][split]),
                         (f'of methods[{method!r}]',
                          content['methods'][method])):
        try:
            merge_options(cfg, entry.get('cfg_options') or {})
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f'cfg_options {whose} in {path!r}: {error}') from error
    for part, ann_file in _lists(content['splits'][split], seed):
        if not cfg.train_dataloader.dataset.get(part):
            raise ValueError(
                f'splits[{split!r}] names a list of {part} images, but the '
                f'config of the method {method!r} has no '
                f'train_dataloader.dataset.{part} to read it')
        leaf_dataset(cfg.train_dataloader.dataset[part]).ann_file = ann_file
    check_run(cfg, content.get('pseudo_labels', False),
              f'methods[{method!r}].config in {path!r}')
    cfg.merge_from_dict({'randomness.seed': seed})
    cfg.pop('work_dir', None)
    cfg.custom_hooks = [
        *(cfg.get('custom_hooks') or []),
        dict(type='ResidentMemoryHook')
    ]
    cfg.test_evaluator = _with_class_ious(cfg.test_evaluator)
    return cfg


def _lists(split: dict, seed: int) -> List[Tuple[str, str]]:
    return [(part, split[part].replace('{seed}', str(seed)))
            for part in ('labeled', 'unlabeled') if part in split]


def _with_class_ious(evaluator: Any) -> Any:
    """Exchange the metric that prints class IoUs for one that tells them."""
    if isinstance(evaluator, (list, tuple)):
        return [_with_class_ious(metric) for metric in evaluator]
    if evaluator['type'] == 'IoUMetric':
        return dict(evaluator, type='ClassIoUMetric')
    return evaluator
