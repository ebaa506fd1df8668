# Generated scenes of 96 x 96: 4 labelled, 240 unlabelled, 60 to score on.
_base_ = './_semi_base.py'
num_classes = 5
crop_size = (96, 96)
weak_augment = [
    dict(
        type='RandomResize',
        scale=(96, 96),
        ratio_range=(0.75, 1.5),
        keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs')
]
labeled_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'), *weak_augment
]
unlabeled_pipeline = [dict(type='LoadImageFromFile'), *weak_augment]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[[
            dict(type='RandomFlip', prob=prob, direction='horizontal')
            for prob in (0., 1.)
        ], [dict(type='LoadAnnotations')], [dict(type='PackSegInputs')]])
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    pin_memory=False,
    dataset=dict(
        labeled=dict(
            type='DemoSegDataset', split='labeled',
            pipeline=labeled_pipeline),
        unlabeled=dict(
            type='DemoSegDataset',
            split='unlabeled',
            pipeline=unlabeled_pipeline)))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        type='DemoSegDataset', split='val', pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
