# As short as labels are few: with 40 images each is seen 50 times.
_base_ = './adamw_1k.py'
train_cfg = dict(max_iters=500, val_interval=250)
default_hooks = dict(checkpoint=dict(interval=250))
