# Short runs of small pretrained networks, also without a GPU.
_base_ = './adamw_25k.py'
train_cfg = dict(max_iters=1200, val_interval=400)
auto_scale_lr = dict(base_batch_size=4)
optim_wrapper = dict(
    optimizer=dict(lr=5e-4),
    paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=1.))))
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-2, by_epoch=False, begin=0, end=50),
    dict(type='PolyLR', power=0.9, eta_min=0, begin=50, by_epoch=False)
]
default_hooks = dict(
    checkpoint=dict(interval=400),
    # Much faster on a CPU, too.
    channels_last=dict(type='ChannelsLastHook'))
