# The threshold and momentum of each strategy on MSRC, to be chosen on
# validation with the 40 labels of seed 0. What msrc.py runs is the third
# setting of each strategy, so it is not repeated here.
_base_ = './msrc.py'
keys = dict(
    sure='model.strategy.loss.threshold',
    momentum='model.teacher.momentum')
tried = dict(
    fixmatch=dict(sure_80=dict(sure=0.8), sure_60=dict(sure=0.6)),
    unimatch=dict(sure_80=dict(sure=0.8), sure_60=dict(sure=0.6)),
    mean_teacher=dict(
        sure_97=dict(sure=0.97, momentum=0.01),
        sure_80=dict(sure=0.8, momentum=0.01)),
    unimatch_v2=dict(
        sure_80=dict(sure=0.8, momentum=0.01),
        momentum_03=dict(sure=0.95, momentum=0.03)))
methods = {
    '_delete_': True,
    **{
        f'{method}_{name}': dict(
            config=f'configs/{method}/{method}_efficientnet-lite0_msrc_n40.py',
            cfg_options={
                keys[setting]: value
                for setting, value in settings.items()
            })
        for method, variants in tried.items()
        for name, settings in variants.items()
    }
}
splits = dict(_delete_=True, n40=_base_.splits['n40'])
seeds = [0]
cfg_options = {
    'test_evaluator': [dict(type='IoUMetric', iou_metrics=['mIoU'])]
}
# Only what a grid knows may remain.
del keys, tried
