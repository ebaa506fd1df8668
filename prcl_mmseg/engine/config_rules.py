# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What values of a config must be, by key.

Keys are patterns of :func:`~prcl_mmseg.engine.config_parts.matches`.
"""
from typing import Optional

from mmseg.registry import (DATASETS, HOOKS, METRICS, MODELS, TASK_UTILS,
                            TRANSFORMS, VISUALIZERS)

# Keys, and the bounds of check_number(); None is always left to its default.
NUMBERS = {
    'train_cfg.max_iters': dict(low=1, whole=True),
    'train_cfg.max_epochs': dict(low=1, whole=True),
    'train_cfg.val_interval': dict(low=1, whole=True),
    'train_cfg.val_begin': dict(low=0, whole=True),
    'auto_scale_lr.base_batch_size': dict(low=1, whole=True),
    'log_processor.window_size': dict(low=1, whole=True),
    '*_dataloader.batch_size': dict(low=1, whole=True),
    '*_dataloader.num_workers': dict(low=0, whole=True),
    'optim_wrapper.optimizer.lr': dict(low=0, open_low=True),
    'optim_wrapper.optimizer.momentum': dict(low=0, high=1, open_high=True),
    'optim_wrapper.clip_grad.clip_value': dict(low=0, open_low=True),
    'optim_wrapper.optimizer.weight_decay': dict(low=0),
    'optim_wrapper.accumulative_counts': dict(low=1, whole=True),
    'optim_wrapper.paramwise_cfg.**_mult': dict(low=0),
    'optim_wrapper.clip_grad.max_norm': dict(low=0, open_low=True),
    'param_scheduler.*.begin': dict(low=0, whole=True),
    'param_scheduler.*.power': dict(low=0),
    'param_scheduler.*.eta_min': dict(low=0),
    'randomness.seed': dict(low=0, whole=True),
    'model.**.loss_weight': dict(low=0),
    'model.**.class_weight.*': dict(low=0),
    'model.**head.dropout_ratio': dict(low=-1, high=1, open_high=True),
    'model.**norm_cfg.momentum': dict(low=0, high=1),
    'train_dataloader.**.cat_max_ratio': dict(low=0, high=1, open_low=True),
    'visualizer.alpha': dict(low=0, high=1),
    'model.**head.ignore_index': dict(whole=True),
    'model.**head.threshold': dict(low=0, high=1),
    'model.**sampler.thresh': dict(low=0, high=1),
    'model.**test_cfg.stride.*': dict(low=1, whole=True),
    'model.**test_cfg.crop_size.*': dict(low=1, whole=True),
    'train_dataloader.**.ratio_range.*': dict(low=0, open_low=True),
    'model.**data_preprocessor.mean.*': dict(),
    'model.**data_preprocessor.std.*': dict(low=0, open_low=True),
}
BOOLS = ('**.by_epoch', 'resume', 'randomness.deterministic',
         'randomness.diff_rank_seed', '*_dataloader.drop_last',
         '*_dataloader.persistent_workers', '*_dataloader.pin_memory',
         'optim_wrapper.optimizer.amsgrad', 'optim_wrapper.optimizer.nesterov',
         'optim_wrapper.optimizer.foreach', 'model.**.align_corners',
         'model.**.avg_non_ignore', 'model.**.norm_eval', 'model.**.with_cp',
         'find_unused_parameters')
CHOICES = {
    'model.segmentor.test_cfg.mode': ('whole', 'slide'),
    'env_cfg.mp_cfg.mp_start_method': ('fork', 'spawn', 'forkserver'),
    'default_hooks.checkpoint.rule': ('greater', 'less'),
    'sync_bn': ('torch', 'mmcv'),
    'log_level':
    ('DEBUG', 'INFO', 'WARNING', 'WARN', 'ERROR', 'CRITICAL', 'FATAL'),
}
NEEDED = ('model', 'model.segmentor', 'train_cfg', 'train_dataloader',
          'train_dataloader.dataset', 'optim_wrapper')
PADDINGS = ('model.**.seg_pad_val', 'train_dataloader.**.seg_pad_val',
            'train_dataloader.**.pad_val.seg')
IGNORES = ('*_dataloader.**.ignore_index', 'val_evaluator.**ignore_index')
# Which setting of a class is 255 unless it is set.
DEFAULTS_TO_255 = dict(
    SegDataPreProcessor='seg_pad_val',
    MultiChannelSegDataPreProcessor='seg_pad_val',
    RandomRotate='seg_pad_val',
    IoUMetric='ignore_index',
    ClassIoUMetric='ignore_index',
    UncertaintyMetric='ignore_index')
# Losses that do not ask their head which label it ignores; 255 by default.
LOSS_IGNORES = dict(
    DiceLoss='ignore_index',
    TverskyLoss='ignore_index',
    HuasdorffDisstanceLoss='ignore_index',
    OhemCrossEntropy='ignore_label')
WEIGHTS = ('.pth', '.pt', '.pkl', '.safetensors')
# What MMEngine can't do without once it is given.
NEVER_NONE = ('env_cfg', 'randomness')
DICTS = ('env_cfg', 'randomness', '*_dataloader.sampler',
         'optim_wrapper.paramwise_cfg.custom_keys.*',
         'model.segmentor', 'model.teacher', 'model.strategy', 'model.terms',
         'model.terms.*', 'model.strategy.strong_augment.transforms.*')
LISTS = ('custom_hooks', 'param_scheduler', '**.pipeline', '*_pipeline')
# Of dicts without a type, and of classes that take whatever they are given.
KEYS = dict(
    randomness=('seed', 'diff_rank_seed', 'deterministic'),
    env_cfg=('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
    **{
        'optim_wrapper.paramwise_cfg':
        ('custom_keys', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult',
         'flat_decay_mult', 'dwconv_decay_mult', 'dcn_offset_lr_mult',
         'bypass_duplicate', 'num_layers', 'decay_rate', 'decay_type',
         'layer_decay_rate'),
        'optim_wrapper.paramwise_cfg.custom_keys.*': ('lr_mult', 'decay_mult')
    })
PLAIN = (bool, str, dict, Optional[bool], Optional[str], Optional[dict])
BUILT_FROM = {
    'model.**': (MODELS, TASK_UTILS),
    '*_hooks.*': (HOOKS, ),
    '*_evaluator**': (METRICS, ),
    '*_dataloader.**pipeline.**': (TRANSFORMS, ),
    '*_dataloader.dataset**': (DATASETS, )
}
GREEDY = {
    'default_hooks.*': HOOKS,
    'custom_hooks.*': HOOKS,
    '*_evaluator': METRICS,
    '*_evaluator.*': METRICS,
    'visualizer': VISUALIZERS
}
