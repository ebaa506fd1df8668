# What helps rare classes: the mean teacher with 40 labels, one change each.
_base_ = './msrc.py'
config = 'configs/mean_teacher/mean_teacher_efficientnet-lite0_msrc_n40.py'
head = 'model.segmentor.decode_head'
cross_entropy = dict(type='CrossEntropyLoss', loss_weight=1.0)
# tools/analysis_tools/class_weights.py, on the list of seed 0.
weights = [
    0.7211, 0.5429, 0.7874, 1.5569, 1.627, 0.8138, 2.0757, 0.8125, 1.8266,
    1.7004, 1.4004, 1.4902, 2.1531, 1.742, 1.1475, 2.0726, 0.7408, 1.6198,
    2.2484, 2.0059, 2.1799
]
methods = {
    '_delete_':
    True,
    'class_weights':
    dict(
        config=config,
        cfg_options={f'{head}.loss_decode.class_weight': weights}),
    'ohem':
    dict(
        config=config,
        cfg_options={
            f'{head}.sampler':
            dict(type='OHEMPixelSampler', thresh=0.7, min_kept=20000)
        }),
    'dice':
    dict(
        config=config,
        cfg_options={
            f'{head}.loss_decode':
            # Of each class by itself; mmseg's DiceLoss takes all together.
            [cross_entropy,
             dict(type='TverskyLoss', alpha=0.5, beta=0.5)]
        }),
    'class_balanced':
    dict(config='configs/mean_teacher_class_balanced_msrc.py')
}
splits = dict(_delete_=True, n40=_base_.splits['n40'])
# Only what a grid knows may remain.
del config, head, cross_entropy, weights
