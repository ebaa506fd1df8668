# What the data sets share: loaders, evaluation, and pipelines to test with at
# the images' own size. A data set adds its images and how they are augmented.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs')
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[[
            dict(type='Resize', scale_factor=ratio, keep_ratio=True)
            for ratio in (0.75, 1.0, 1.25)
        ],
                    [
                        dict(
                            type='RandomFlip',
                            prob=prob,
                            direction='horizontal') for prob in (0., 1.)
                    ], [dict(type='LoadAnnotations')],
                    [dict(type='PackSegInputs')]])
]
train_dataloader = dict(
    # Pairs of images: 4 labelled and 4 unlabelled ones on each GPU.
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='SemiSegDataset', samples_per_item=(1, 1)))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False))
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
