# For so few images that even a minute of training sees each many times.
_base_ = './adamw_1k.py'
train_cfg = dict(max_iters=500, val_interval=250)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
default_hooks = dict(checkpoint=dict(interval=250))
