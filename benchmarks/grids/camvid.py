# CamVid at 240 x 180, FPN on EfficientNet-Lite0 with ImageNet weights.
methods = dict(
    supervised=dict(
        config='configs/supervised/'
        'supervised_efficientnet-lite0_camvid_1-16.py',
        cfg_options={'test_evaluator.1.scores': ('softmax', 'entropy')}),
    mean_teacher=dict(
        config='configs/mean_teacher/'
        'mean_teacher_efficientnet-lite0_camvid_1-16.py',
        cfg_options={'test_evaluator.1.scores': ('softmax', 'entropy')}),
    prcl_reference=dict(
        config='configs/prcl/'
        'prcl_reference_efficientnet-lite0_camvid_1-16.py'),
    prcl_deterministic=dict(
        config='configs/prcl/'
        'prcl_deterministic_efficientnet-lite0_camvid_1-16.py'),
    prcl=dict(
        config='configs/prcl/prcl_efficientnet-lite0_camvid_1-16.py',
        # What views say of doubt is measured, too; it changes nothing else.
        cfg_options={'model.terms.views': dict(type='ViewVariance')}))
file = 'configs/{0}/{0}_efficientnet-lite0_camvid_1-16.py'
methods.update({
    name: dict(config=file.format(name))
    for name in ('fixmatch', 'unimatch', 'unimatch_v2')
})
# As PRCL's own config has them.
contrast = {
    'model.terms.views': dict(type='ViewVariance'),
    'model.terms.contrast': dict(
        type='PrototypeContrast',
        head=dict(
            type='ProbabilisticDecodeHead', embed_dims=64, embed_stride=4)),
    'model.strategy.labeler.prototype_weight': 1.0
}
methods.update({
    'prcl_fixmatch': dict(
        config=file.format('fixmatch'), cfg_options=contrast),
    'fixmatch_contrast_alone': dict(
        config=file.format('fixmatch'),
        cfg_options={**contrast, 'model.strategy.labeler.prototype_weight': 0.}
    ),
    # The other views show the same pixels as the first strong one.
    'prcl_unimatch': dict(
        config=file.format('unimatch'),
        cfg_options={
            **contrast, 'model.terms.contrast.views': ('labeled', 'strong')
        }),
    'prcl_unimatch_v2': dict(
        config='configs/prcl/'
        'prcl_unimatch_v2_efficientnet-lite0_camvid_1-16.py',
        cfg_options={'model.terms.views': dict(type='ViewVariance')})
})
# Of 1-16 every seed has lists of its own; of n6 and n12 there is one.
splits = {
    'n6':
    dict(
        labeled='splits/uniform_n6/labeled.txt',
        unlabeled='splits/uniform_n6/unlabeled.txt'),
    'n12':
    dict(
        labeled='splits/uniform_n12/labeled.txt',
        unlabeled='splits/uniform_n12/unlabeled.txt'),
    '1-16':
    dict(
        labeled='splits/seed{seed}_1_16/labeled.txt',
        unlabeled='splits/seed{seed}_1_16/unlabeled.txt')
}
seeds = [0, 1, 2]
cfg_options = {
    # One data worker suffices for so small images.
    'train_dataloader.num_workers': 1,
    'val_dataloader.num_workers': 1,
    'test_dataloader.num_workers': 1,
    'test_evaluator': [
        dict(type='IoUMetric', iou_metrics=['mIoU']),
        dict(type='UncertaintyMetric')
    ]
}
pseudo_labels = True
# Only what a grid knows may remain.
del file, contrast
