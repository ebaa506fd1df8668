# For transformers and ConvNeXt.
_base_ = './sgd_25k.py'
optim_wrapper = dict(
    optimizer=dict(
        _delete_=True,
        type='AdamW',
        lr=6e-5,
        betas=(0.9, 0.999),
        weight_decay=0.01),
    paramwise_cfg=dict(
        custom_keys=dict(
            absolute_pos_embed=dict(decay_mult=0.),
            relative_position_bias_table=dict(decay_mult=0.),
            pos_block=dict(decay_mult=0.),
            norm=dict(decay_mult=0.),
            decode_head=dict(lr_mult=10.),
            # AdamW steps by the learning rate, however small the gradient:
            # 1/64 of it would leave σ² as it was initialised.
            variance_branch=dict(lr_mult=1.))))
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type='PolyLR', power=1.0, eta_min=0, begin=1500, by_epoch=False)
]
