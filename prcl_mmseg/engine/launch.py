# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What the tools of mmseg leave to the user: fitting a config to the run."""
import os
from typing import Any

import torch
import torch.distributed as torch_dist
from mmengine.config import Config


def adapt_to_run(cfg: Config, launcher: str) -> None:
    """Choose norm layers and the distributed backend for this run, in place.

    SyncBN needs several processes with a GPU each; anywhere else it becomes
    BN. On CPU, several processes talk through gloo.

    Args:
        cfg (Config): Config of the run.
        launcher (str): 'none', or what started the processes.
    """
    cfg.launcher = launcher
    on_gpu = torch.cuda.is_available()
    if launcher == 'none' or not on_gpu:
        _replace_sync_bn(cfg._cfg_dict)
    if launcher == 'none' or on_gpu:
        return
    if launcher != 'pytorch':
        raise ValueError(f'--launcher {launcher} needs GPUs, but none is '
                         'visible; start CPU processes with '
                         'tools/dist_train.sh, which uses --launcher pytorch')
    cfg.setdefault('env_cfg', {})['dist_cfg'] = dict(backend='gloo')
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False))
    # MMEngine's own initialisation would choose a CUDA device.
    if not torch_dist.is_initialized():
        torch_dist.init_process_group('gloo')


def remember_local_rank(local_rank: int) -> None:
    """Let launchers that pass the rank as an argument work like the others."""
    os.environ.setdefault('LOCAL_RANK', str(local_rank))


def _replace_sync_bn(node: Any) -> None:
    if isinstance(node, (list, tuple)):
        for child in node:
            _replace_sync_bn(child)
    elif isinstance(node, dict):
        if node.get('type') == 'SyncBN':
            node['type'] = 'BN'
        for key, child in node.items():
            if isinstance(child, (dict, list, tuple)):
                _replace_sync_bn(child)
