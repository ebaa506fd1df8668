# For so few images that even ten minutes of training see each many times.
_base_ = './adamw_1k.py'
train_cfg = dict(max_iters=800, val_interval=400)
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys=dict(
            # What starts at random learns faster than what is pretrained.
            neck=dict(lr_mult=5.),
            decode_head=dict(lr_mult=5.))))
