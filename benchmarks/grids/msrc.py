# MSRC at 216 x 180, FPN on EfficientNet-Lite0 with ImageNet weights.
names = ('supervised', 'fixmatch', 'unimatch', 'mean_teacher', 'unimatch_v2')
methods = {
    name: dict(config=f'configs/{name}/{name}_efficientnet-lite0_msrc_n40.py')
    for name in names
}
splits = {
    f'n{count}': dict(
        labeled=f'splits/seed{{seed}}_n{count}/labeled.txt',
        unlabeled=f'splits/seed{{seed}}_n{count}/unlabeled.txt')
    for count in (20, 40, 80)
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
# Only what a grid knows may remain.
del names
