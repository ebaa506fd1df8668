# DPT on DINOv2's ViT-B. Needs mmpretrain, and crops of a multiple of 14.
# tools/model_converters/dinov2_to_mmpretrain.py writes the checkpoint from
# the published weights.
norm_cfg = dict(type='SyncBN', requires_grad=True)
data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=255)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='mmpretrain.VisionTransformer',
        arch='base',
        # Of the weights; other sizes interpolate the position embedding.
        img_size=518,
        patch_size=14,
        layer_scale_init_value=1e-5,
        out_type='featmap',
        out_indices=(2, 5, 8, 11),
        init_cfg=dict(
            type='Pretrained', checkpoint='checkpoints/dinov2_vitb14.pth')),
    neck=dict(type='ReadoutNeck'),
    decode_head=dict(
        type='DPTHead',
        in_channels=(768, 768, 768, 768),
        in_index=(0, 1, 2, 3),
        input_transform='multiple_select',
        channels=128,
        embed_dims=768,
        post_process_channels=[96, 192, 384, 768],
        readout_type='ignore',
        patch_size=14,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(
            type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
