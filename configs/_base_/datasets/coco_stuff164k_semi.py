# COCO-Stuff 164k: 118287 training images, 171 classes, masks converted to
# train ids by mmseg's tools/dataset_converters/coco_stuff164k.py.
_base_ = './_semi_base.py'
dataset_type = 'SplitCOCOStuffDataset'
data_root = 'data/coco_stuff164k'
num_classes = 171
crop_size = (512, 512)
scale = (2048, 512)
train_prefix = dict(
    img_path='images/train2017', seg_map_path='annotations/train2017')
val_prefix = dict(
    img_path='images/val2017',
    seg_map_path='annotations/val2017')
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
            ann_file='splits/coco_stuff164k/1-32/labeled.txt',
            pipeline=labeled_pipeline),
        unlabeled=dict(
            type='UnlabeledDataset',
            data_root=data_root,
            data_prefix=dict(img_path=train_prefix['img_path']),
            ann_file='splits/coco_stuff164k/1-32/unlabeled.txt',
            pipeline=unlabeled_pipeline)))
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=val_prefix,
        pipeline=test_pipeline))
test_dataloader = val_dataloader
