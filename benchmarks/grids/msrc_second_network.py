# MSRC at its full size, 320 pixels, with a larger network: EfficientNet-Lite2.
_base_ = './msrc.py'
chosen = ('supervised', 'mean_teacher', 'prcl', 'unimatch_v2',
          'prcl_unimatch_v2')
methods = {
    '_delete_': True,
    **{name: _base_.methods[name]
       for name in chosen}
}
splits = dict(_delete_=True, n40=_base_.splits['n40'])
backbone = 'model.segmentor.backbone'
scale = (320, 266)
crop = (213, 284)
cfg_options = {
    f'{backbone}.model_name': 'tf_efficientnet_lite2',
    f'{backbone}.init_cfg.checkpoint':
    'checkpoints/efficientnet-lite2_timm.pth',
    'model.segmentor.neck.in_channels': [24, 48, 120, 352],
    'model.crop_size': crop,
    'train_dataloader.dataset.labeled.pipeline.2.scale': scale,
    'train_dataloader.dataset.labeled.pipeline.3.crop_size': crop,
    'train_dataloader.dataset.unlabeled.pipeline.1.scale': scale,
    'train_dataloader.dataset.unlabeled.pipeline.2.crop_size': crop,
    'val_dataloader.dataset.pipeline.1.scale': scale,
    'test_dataloader.dataset.pipeline.1.scale': scale
}
# Only what a grid knows may remain.
del chosen, backbone, scale, crop
