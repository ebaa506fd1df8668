# CamVid at half size (240 x 180): 367 training, 101 validation and 233 test
# images. Scores are taken on whole images at their own size.
_base_ = './_semi_base.py'
dataset_type = 'CamVidDataset'
data_root = 'data/camvid'
num_classes = 11
crop_size = (180, 240)
scale = (240, 180)
weak_augment = [
    dict(
        type='RandomResize',
        scale=scale,
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
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale, keep_ratio=True),
    # After the resize: the mask keeps its own size.
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs')
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[[
            dict(
                type='Resize',
                scale=tuple(int(side * ratio) for side in scale),
                keep_ratio=True) for ratio in (0.75, 1.0, 1.25)
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
    num_workers=2,
    dataset=dict(
        labeled=dict(
            type=dataset_type,
            data_root=data_root,
            ann_file='splits/1-16/labeled.txt',
            pipeline=labeled_pipeline),
        unlabeled=dict(
            type='UnlabeledDataset',
            data_root=data_root,
            ann_file='splits/1-16/unlabeled.txt',
            pipeline=unlabeled_pipeline)))
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='splits/val.txt',
        pipeline=test_pipeline))
test_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='splits/test.txt',
        pipeline=test_pipeline))
