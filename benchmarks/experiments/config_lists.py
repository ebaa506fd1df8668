# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The lists of images that a config names."""
import os.path as osp
from typing import Dict, List, Optional

from mmengine.config import Config

from prcl_mmseg.engine.config_parts import config_dicts
from prcl_mmseg.file_hash import sha256_of_file


def leaf_dataset(dataset: dict) -> dict:
    """The config of what wrappers wrap, which is what reads the list."""
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    return dataset


def list_digests(cfg: Config) -> Dict[str, str]:
    """Hashes of the lists that exist, by path."""
    return {path: sha256_of_file(path) for path in _places(cfg).values()
            if path is not None}


def missing_lists(cfg: Config) -> List[str]:
    """The lists that a config names and that are not there."""
    return [name for name, path in _places(cfg).items() if path is None]


def _places(cfg: Config) -> Dict[str, Optional[str]]:
    """Where each list is found: below data_root or the working directory."""
    places = {}
    for node in config_dicts(cfg._cfg_dict.to_dict()):
        name = node.get('ann_file')
        if isinstance(name, str) and name:
            path = osp.join(node.get('data_root') or '', name)
            places[path] = next(filter(osp.isfile, (path, name)), None)
    return places
