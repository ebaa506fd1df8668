# FPN on MMPretrain's EfficientNet-B0. Needs mmpretrain.
_base_ = './fpn_efficientnet-lite0.py'
checkpoint = 'https://download.openmmlab.com/mmclassification/v0/efficientnet/efficientnet-b0_3rdparty_8xb32_in1k_20220119-a7e2a0b1.pth'  # noqa
model = dict(
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.EfficientNet',
        arch='b0',
        out_indices=(2, 3, 4, 5),
        norm_cfg=dict(type='SyncBN', requires_grad=True, eps=1e-3),
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.')))
# The layers behind the last feature map stay unused.
find_unused_parameters = True
