default_scope = 'mmseg'
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # Seconds after which a process gives up another one that hangs.
    dist_cfg=dict(backend='nccl', timeout=600))
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='SegLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(by_epoch=False)
log_level = 'INFO'
load_from = None
resume = False
tta_model = dict(type='SemiSegTTAModel')
# For every method; each is idle where the method lacks what it works on.
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ReproducibleStepHook'),
    dict(type='ResumeHook'),
    dict(type='RunningStatsHook'),
    dict(type='CheckFiniteHook'),
    dict(type='MeanTeacherHook'),
    dict(type='PrototypeBankHook'),
    dict(type='TrainingHealthHook'),
    dict(type='UncertaintyCheckHook'),
    dict(type='SaveOnSignalHook')
]
