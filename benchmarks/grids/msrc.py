# MSRC at 216 x 180, FPN on EfficientNet-Lite0 with ImageNet weights.
file = 'configs/{0}/{1}_efficientnet-lite0_msrc_n40.py'
contrast = 'model.terms.contrast'
# What views say of doubt is measured, too; it changes nothing else.
views = {'model.terms.views': dict(type='ViewVariance')}
strategies = ('fixmatch', 'mean_teacher', 'unimatch', 'unimatch_v2')
contrasts = ('prcl_fixmatch', 'prcl', 'prcl_unimatch', 'prcl_unimatch_v2',
             'prcl_reference')
methods = dict(supervised=dict(config=file.format('supervised', 'supervised')))
methods.update({
    name: dict(config=file.format(name, name))
    for name in strategies
})
methods.update({
    name: dict(config=file.format('prcl', name), cfg_options=views)
    for name in contrasts
})
methods.update({
    # Points instead of distributions.
    f'{name}_points': dict(
        config=file.format('prcl', name),
        cfg_options={
            **views, f'{contrast}.head.fixed_variance': 0.1
        })
    for name in ('prcl', 'prcl_unimatch_v2')
})
methods.update({
    # The prototypes label, too.
    f'{name}_labels': dict(
        config=file.format('prcl', name),
        cfg_options={
            **views, 'model.strategy.labeler.prototype_weight': 1.0
        })
    for name in ('prcl', 'prcl_unimatch_v2')
})
splits = {
    f'n{count}': dict(
        labeled=f'splits/seed{{seed}}_n{count}/labeled.txt',
        unlabeled=f'splits/seed{{seed}}_n{count}/unlabeled.txt')
    for count in (20, 40, 80)
}
# The ceiling: every mask is there.
splits['all'] = dict(labeled='splits/train.txt', unlabeled='splits/train.txt')
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
# Only what a grid knows may remain.
del file, contrast, views, strategies, contrasts
