# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What a grid file says, as a list of runs with resolved configs."""
import copy
import os.path as osp
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Dict, List, Sequence, Tuple

from mmengine.config import Config

from .fingerprint import digest, effective, list_digests, plain

_KEYS = dict(
    grid={'methods', 'splits', 'seeds', 'cfg_options', 'pseudo_labels'},
    method={'config', 'cfg_options'},
    split={'labeled', 'unlabeled', 'cfg_options'})
_NAME = re.compile(r'[\w.-]+')


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
    content = Config.fromfile(path)._cfg_dict.to_dict()
    _check(content, path)
    name = osp.splitext(osp.basename(path))[0]
    bases = {
        method: _read_config(path, root, method, entry['config'])
        for method, entry in content['methods'].items()
    }
    runs = [
        Run(name, method, split, seed,
            _resolve(bases[method], content, method, split, seed),
            content.get('pseudo_labels', False))
        for seed in content['seeds'] for split in content['splits']
        for method in content['methods']
    ]
    for run in runs:
        _check_run(run, path)
    return Grid(name, list(content['methods']), list(content['splits']),
                content['seeds'], runs)


def _check_run(run: Run, path: str) -> None:
    where = f'methods[{run.method!r}].config in {path!r}'
    if 'max_iters' not in run.config.train_cfg:
        raise ValueError(f'{where} has no train_cfg.max_iters; use a config '
                         'that counts iterations')
    if run.pseudo_labels and not run.config.train_dataloader.dataset.get(
            'unlabeled'):
        raise ValueError(
            f'pseudo_labels in {path!r} is set, but {where} has no '
            'train_dataloader.dataset.unlabeled to score; leave it out')


def _check(content: dict, path: str) -> None:
    _check_keys(content, 'grid', path, f'The grid {path!r}')
    for kind in ('methods', 'splits'):
        entries = content.get(kind)
        if not isinstance(entries, dict) or not entries:
            raise ValueError(f'{kind} in {path!r} must be a dict of at least '
                             f'one entry by name, but is {entries!r}')
        for name, entry in entries.items():
            if not _NAME.fullmatch(str(name)):
                raise ValueError(
                    f'{kind} in {path!r} has the name {name!r}; names are '
                    'made of letters, digits, "_", "-" and "."')
            _check_keys(entry, kind[:-1], path, f'{kind}[{name!r}] in '
                        f'{path!r}')
    for name, entry in content['methods'].items():
        if 'config' not in entry:
            raise ValueError(f"methods[{name!r}] in {path!r} needs "
                             "config='path of a config'")
    seeds = content.get('seeds')
    if not isinstance(seeds, (list, tuple)) or not seeds or \
            not all(type(seed) is int for seed in seeds) or \
            len(set(seeds)) < len(seeds):
        raise ValueError(f'seeds in {path!r} must be a list of different '
                         f'integers, but is {seeds!r}')


def _check_keys(entry: Any, kind: str, path: str, where: str) -> None:
    if not isinstance(entry, dict):
        raise ValueError(f'{where} must be a dict, but is {entry!r}')
    unknown = sorted(set(entry) - _KEYS[kind])
    if unknown:
        raise ValueError(f'{where} has the unknown key {unknown[0]!r}; a '
                         f'{kind} has {", ".join(sorted(_KEYS[kind]))}')


def _read_config(path: str, root: str, method: str, config: str) -> Config:
    places = [osp.dirname(osp.abspath(path)), root]
    for place in places:
        if osp.isfile(osp.join(place, config)):
            return Config.fromfile(osp.join(place, config))
    raise FileNotFoundError(
        f'methods[{method!r}].config in {path!r} is {config!r}, but there is '
        f'no such file below {" or ".join(map(str, places))}')


def _resolve(base: Config, content: dict, method: str, split: str,
             seed: int) -> Config:
    cfg = Config(copy.deepcopy(base._cfg_dict))
    for options in (content, content['splits'][split],
                    content['methods'][method]):
        cfg.merge_from_dict(options.get('cfg_options') or {})
    for part, ann_file in _lists(content['splits'][split], seed):
        if not cfg.train_dataloader.dataset.get(part):
            raise ValueError(
                f'splits[{split!r}] names a list of {part} images, but the '
                f'config of the method {method!r} has no '
                f'train_dataloader.dataset.{part} to read it')
        dataset = cfg.train_dataloader.dataset[part]
        # Wrappers such as ClassBalancedDataset read no list themselves.
        while 'dataset' in dataset:
            dataset = dataset.dataset
        dataset.ann_file = ann_file
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
