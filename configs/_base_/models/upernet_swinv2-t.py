# MMPretrain's Swin V2 with the heads of UPerNet Swin-T, which has the same
# channels. Needs mmpretrain.
_base_ = 'mmseg::_base_/models/upernet_swin.py'
checkpoint = 'https://download.openmmlab.com/mmclassification/v0/swin-v2/swinv2-tiny-w8_3rdparty_in1k-256px_20220803-e318968f.pth'  # noqa
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.SwinTransformerV2',
        arch='tiny',
        img_size=256,
        window_size=[8, 8, 8, 8],
        out_indices=(0, 1, 2, 3),
        drop_path_rate=0.2,
        # Images of any size.
        pad_small_map=True,
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint, prefix='backbone.')))
