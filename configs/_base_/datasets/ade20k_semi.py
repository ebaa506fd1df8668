# ADE20K: 20210 training images, 150 classes. The masks hold 1 to 150 and 0
# for no class; the data set reduces them (reduce_zero_label).
_base_ = './_semi_base.py'
dataset_type = 'SplitADE20KDataset'
data_root = 'data/ade/ADEChallengeData2016'
num_classes = 150
crop_size = (512, 512)
scale = (2048, 512)
train_prefix = dict(
    img_path='images/training', seg_map_path='annotations/training')
val_prefix = dict(
    img_path='images/validation',
    seg_map_path='annotations/validation')
weak_augment = [
    dict(
        type='RandomResize',
        scale=scale,
        ratio_range=(0.5, 2.0),
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
    dataset=dict(
        labeled=dict(
            type=dataset_type,
            data_root=data_root,
            data_prefix=train_prefix,
            ann_file='splits/ade20k/1-16/labeled.txt',
            pipeline=labeled_pipeline),
        unlabeled=dict(
            type='UnlabeledDataset',
            data_root=data_root,
            data_prefix=dict(img_path=train_prefix['img_path']),
            ann_file='splits/ade20k/1-16/unlabeled.txt',
            pipeline=unlabeled_pipeline)))
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=val_prefix,
        pipeline=test_pipeline))
test_dataloader = val_dataloader
