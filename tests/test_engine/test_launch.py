# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Norm layers and backend follow from the devices and the launcher."""
from datetime import timedelta

import pytest
import torch
import torch.distributed as torch_dist
from mmengine.config import Config

from prcl_mmseg.engine import launch
from prcl_mmseg.engine.launch import adapt_to_run


@pytest.fixture
def machine(monkeypatch):
    """Pretend to run several processes with or without GPUs."""
    started = []

    def pretend(gpu: bool, **environment) -> list:
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
        monkeypatch.setattr(torch_dist, 'init_process_group', started.append)
        for name in ('WORLD_SIZE', 'SLURM_NTASKS', 'OMPI_COMM_WORLD_SIZE'):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return started

    return pretend


def make_config(**settings) -> Config:
    norm = dict(type='SyncBN', requires_grad=True)
    return Config(
        dict(
            model=dict(
                norm_cfg=norm,
                frozen=dict(norm_cfg=dict(type='BN')),
                heads=[dict(norm_cfg=norm), (dict(norm_cfg=norm), )],
                text='SyncBN'),
            **settings))


def norm_types(cfg: Config) -> list:
    model = cfg.model
    return [
        model.norm_cfg.type, model.heads[0].norm_cfg.type,
        model.heads[1][0]['norm_cfg']['type']
    ]


@pytest.mark.parametrize('gpu, launcher, environment, expected', [
    (False, 'none', {}, 'BN'),
    (True, 'none', {}, 'BN'),
    (False, 'pytorch', dict(WORLD_SIZE='2'), 'BN'),
    (True, 'pytorch', dict(WORLD_SIZE='1'), 'BN'),
    (True, 'pytorch', dict(WORLD_SIZE='2'), 'SyncBN'),
    (True, 'slurm', dict(SLURM_NTASKS='8'), 'SyncBN'),
    (True, 'mpi', dict(OMPI_COMM_WORLD_SIZE='8'), 'SyncBN'),
])
def test_norm_layers(machine, gpu, launcher, environment, expected):
    machine(gpu, **environment)
    cfg = make_config()
    adapt_to_run(cfg, launcher)
    assert norm_types(cfg) == [expected] * 3
    assert cfg.model.frozen.norm_cfg.type == 'BN'
    assert cfg.model.text == 'SyncBN'
    assert cfg.launcher == launcher


def test_processes_on_cpu_use_gloo(machine):
    started = machine(False, WORLD_SIZE='2')
    cfg = make_config(sync_bn='torch', find_unused_parameters=True)
    adapt_to_run(cfg, 'pytorch')
    assert started == ['gloo']
    assert cfg.env_cfg.dist_cfg == dict(backend='gloo')
    assert cfg.model_wrapper_cfg == dict(
        type='MMDistributedDataParallel', device_ids=None,
        broadcast_buffers=False, find_unused_parameters=True)
    assert 'sync_bn' not in cfg
    assert Config.fromstring(cfg.pretty_text, '.py').env_cfg == cfg.env_cfg


def test_the_timeout_of_the_config_is_kept(machine, monkeypatch):
    machine(False, WORLD_SIZE='2')
    started = []
    monkeypatch.setattr(torch_dist, 'init_process_group',
                        lambda *args, **options: started.append(options))
    cfg = make_config(env_cfg=dict(dist_cfg=dict(backend='nccl', timeout=90)))
    adapt_to_run(cfg, 'pytorch')
    assert cfg.env_cfg.dist_cfg == dict(backend='gloo', timeout=90)
    assert started == [dict(timeout=timedelta(seconds=90))]


@pytest.mark.parametrize('timeout', [0, -1, 'long', True, float('nan')])
def test_a_timeout_is_a_number_of_seconds(machine, timeout):
    machine(False)
    cfg = make_config(env_cfg=dict(dist_cfg=dict(timeout=timeout)))
    with pytest.raises(ValueError, match=r'env_cfg\.dist_cfg\.timeout='):
        adapt_to_run(cfg, 'none')


@pytest.mark.parametrize('message, explained', [
    ('[gloo] Timed out waiting 3000ms for recv operation', True),
    ('Watchdog caught collective operation timeout', True),
    ('Connection closed by peer', True),
    ('mat1 and mat2 shapes cannot be multiplied', False)])
def test_a_process_that_does_not_answer_is_named_so(monkeypatch, message,
                                                    explained):
    for name, value in (('is_initialized', True), ('get_rank', 1),
                        ('get_world_size', 4)):
        monkeypatch.setattr(torch_dist, name, lambda value=value: value)
    cfg = make_config(env_cfg=dict(dist_cfg=dict(timeout=3)))
    with pytest.raises(TimeoutError if explained else RuntimeError) as error:
        with launch.explain_timeout(cfg):
            raise RuntimeError(message)
    assert ('env_cfg.dist_cfg.timeout=3' in str(error.value)) == explained


def test_settings_of_the_config_survive(machine):
    machine(False, WORLD_SIZE='2')
    cfg = make_config(
        env_cfg=dict(cudnn_benchmark=True, dist_cfg=dict(backend='nccl')),
        model_wrapper_cfg=dict(
            type='MMDistributedDataParallel', detect_anomalous_params=True))
    adapt_to_run(cfg, 'pytorch')
    assert cfg.env_cfg == dict(
        cudnn_benchmark=True, dist_cfg=dict(backend='gloo'))
    assert cfg.model_wrapper_cfg.detect_anomalous_params
    assert cfg.model_wrapper_cfg.device_ids is None


def test_gpu_processes_keep_the_backend_of_the_config(machine):
    started = machine(True, WORLD_SIZE='2')
    cfg = make_config(env_cfg=dict(dist_cfg=dict(backend='nccl')))
    adapt_to_run(cfg, 'pytorch')
    assert cfg.env_cfg.dist_cfg.backend == 'nccl'
    assert 'model_wrapper_cfg' not in cfg
    assert not started


@pytest.mark.parametrize('gpu, launcher, message', [
    (False, 'slurm', 'needs GPUs'),
    (True, 'pytorch', 'WORLD_SIZE is not in the environment'),
    (False, 'pytorch', 'tools/dist_train.sh'),
])
def test_launchers_that_cannot_work(machine, gpu, launcher, message):
    machine(gpu)
    with pytest.raises(ValueError, match=message):
        adapt_to_run(make_config(), launcher)


@pytest.mark.parametrize('gpu, library, parameters', [
    (False, 'glibc', [-4, -1]), (False, 'musl', []), (True, 'glibc', [])])
def test_freed_memory_is_kept_by_glibc_on_the_cpu(machine, monkeypatch, gpu,
                                                  library, parameters):
    machine(gpu=gpu)
    set_ = []

    class Library:

        def mallopt(self, parameter: int, value: int) -> int:
            set_.append(parameter)
            return 1

    monkeypatch.setattr(launch.platform, 'libc_ver', lambda: (library, '2'))
    monkeypatch.setattr(launch.ctypes, 'CDLL', lambda name: Library())
    launch.keep_freed_memory()
    assert set_ == parameters
