# Copyright (c) prcl_mmseg authors. All rights reserved.
import os.path as osp
from typing import Any, Iterator, Optional, Tuple

from mmseg.registry import DATASETS

from .split_dataset import SplitSegDataset
from .stock_splits import STOCK


def check_paths(config: Any, key: str, masks: bool = True) -> None:
    """Look for the folders and lists of stock datasets before building them.

    mmseg's own datasets fail with a bare assertion or "No such file", which
    names neither the config key nor the cure.

    Args:
        config (dict): Config of a dataset or of a wrapper of datasets;
            anything else is left alone.
        key (str): Where the config stands, such as
            ``val_dataloader.dataset``.
        masks (bool): Whether masks are needed. Defaults to True.

    Raises:
        FileNotFoundError: If a list or a folder does not exist; names its
            key, its value and the cure.
    """
    for leaf, where in leaf_configs(config, key):
        if _is_checked_elsewhere(leaf):
            continue
        root = leaf.get('data_root') or ''
        ann_file = leaf.get('ann_file') or ''
        if ann_file and not osp.exists(osp.join(root, ann_file)):
            raise FileNotFoundError(
                f'`{where}.ann_file` is {ann_file!r}, but '
                f'{osp.join(root, ann_file)} does not exist. Set '
                f'`{where}.data_root` (now {leaf.get("data_root")!r}) to the '
                "data set's folder, or `ann_file` to a list below it."
                + _split_hint(leaf.get('type')))
        prefixes = leaf.get('data_prefix') or dict(img_path='')
        for name in ('img_path', 'seg_map_path'):
            prefix = prefixes.get(name)
            if prefix is None or (name == 'seg_map_path' and not masks):
                continue
            folder = osp.join(root, prefix)
            if not osp.isdir(folder or osp.curdir):
                raise FileNotFoundError(
                    f'`{where}.data_prefix.{name}` is {prefix!r}, but the '
                    f'folder {folder} does not exist. Set '
                    f'`{where}.data_root` (now {leaf.get("data_root")!r}) to '
                    f"the data set's folder, or `{name}` to the folder of "
                    f'{"images" if name == "img_path" else "masks"} below '
                    'it.')


def build_dataset(config: dict, key: str, masks: bool = True) -> Any:
    """Build a dataset whose paths exist; it may turn out to be empty.

    Args:
        config (dict): Config of a dataset or of a wrapper of datasets; a
            dataset is left as it is.
        key (str): Where it stands.
        masks (bool): Whether masks are needed. Defaults to True.

    Returns:
        Dataset: The dataset.

    Raises:
        FileNotFoundError: As :func:`check_paths`.
    """
    if not isinstance(config, dict):
        return config
    check_paths(config, key, masks)
    try:
        return DATASETS.build(config)
    except ValueError:
        # A stock dataset without any image fails while it serialises.
        dataset = _build_empty(config)
        if dataset is None:
            raise
        return dataset


def leaf_configs(config: Any, key: str) -> Iterator[Tuple[dict, str]]:
    """The configs of the datasets that hold the data infos.

    Args:
        config (dict): Config of a dataset, or of a wrapper of datasets such
            as ``ConcatDataset`` or ``RepeatDataset``.
        key (str): Where it stands.

    Yields:
        tuple[dict, str]: An innermost config, and where it stands.
    """
    if not isinstance(config, dict):
        return
    parts = [(config[name], f'{key}.{name}') for name in ('dataset', )
             if name in config]
    parts += [(part, f'{key}.datasets.{index}')
              for index, part in enumerate(config.get('datasets') or ())]
    if not parts:
        yield config, key
    for part, where in parts:
        yield from leaf_configs(part, where)


def _build_empty(config: dict) -> Optional[Any]:
    try:
        dataset = DATASETS.build(dict(config, serialize_data=False))
    except (TypeError, ValueError):
        return None
    return dataset if len(dataset) == 0 else None


def _split_hint(kind: Any) -> str:
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    return ''.join(
        f' type={split.__name__!r} also looks for lists below the working '
        'directory, and reads those of semi_splits.py.'
        for split, stock in STOCK.items() if stock is kind)


def _is_checked_elsewhere(config: dict) -> bool:
    """Whether the dataset reports missing files itself, or they are remote."""
    kind = config.get('type')
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    own = isinstance(kind, type) and issubclass(kind, SplitSegDataset)
    stock = isinstance(kind, type) and hasattr(kind, '_join_prefix')
    remote = config.get('backend_args') or '://' in str(
        config.get('data_root'))
    return own or not stock or bool(remote)
