# 200 epochs of 2000 images at 16 labelled images per step.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=25000, val_interval=2500)
val_cfg = dict(type='TeacherStudentValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='StudentOptimWrapperConstructor',
    optimizer=dict(
        type='SGD', lr=3.2e-3, momentum=0.9, nesterov=True, weight_decay=5e-4),
    # "Soft freezing": the variance branch learns at 5e-5.
    paramwise_cfg=dict(
        custom_keys=dict(variance_branch=dict(lr_mult=0.015625))))
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0, by_epoch=False)]
# The learning rate belongs to 16 + 16 images per step.
auto_scale_lr = dict(enable=False, base_batch_size=16)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook',
        by_epoch=False,
        interval=2500,
        max_keep_ckpts=2,
        save_best='mIoU'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'))
