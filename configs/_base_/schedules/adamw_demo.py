_base_ = './adamw_1k.py'
train_cfg = dict(max_iters=600, val_interval=200)
auto_scale_lr = dict(base_batch_size=8)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
default_hooks = dict(checkpoint=dict(interval=200))
