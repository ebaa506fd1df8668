# DeepLabV3+ on any backbone of timm. Needs mmpretrain, timm.
_base_ = './fpn_timm.py'
model = dict(
    neck=None,
    decode_head=dict(
        _delete_=True,
        type='DepthwiseSeparableASPPHead',
        in_index=3,
        channels=256,
        dilations=(1, 6, 12, 18),
        c1_channels=48,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=_base_.norm_cfg,
        align_corners=False,
        loss_decode=dict(
            type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)))
