# A small learning rate for the pretrained ViT, 40 times as much for its head.
_base_ = './adamw_25k.py'
optim_wrapper = dict(
    optimizer=dict(lr=5e-6),
    paramwise_cfg=dict(
        custom_keys=dict(
            pos_embed=dict(decay_mult=0.),
            cls_token=dict(decay_mult=0.),
            ln1=dict(decay_mult=0.),
            ln2=dict(decay_mult=0.),
            decode_head=dict(lr_mult=40.),
            variance_branch=dict(lr_mult=12.))))
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0, by_epoch=False)]
