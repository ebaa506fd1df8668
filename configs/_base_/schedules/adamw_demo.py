_base_ = './adamw_1k.py'
train_cfg = dict(max_iters=600, val_interval=200)
# From scratch and this short, nothing is frozen, the variance branch included.
optim_wrapper = dict(
    optimizer=dict(lr=2e-3),
    paramwise_cfg=dict(custom_keys=dict(variance_branch=dict(lr_mult=1.))))
default_hooks = dict(checkpoint=dict(interval=200))
