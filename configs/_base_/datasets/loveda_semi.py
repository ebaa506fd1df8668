# LoveDA: 2522 training images of 1024 x 1024, 7 classes. The masks hold 1 to
# 7 and 0 for no class; the data set reduces them (reduce_zero_label).
_base_ = './_semi_base.py'
dataset_type = 'SplitLoveDADataset'
data_root = 'data/loveDA'
num_classes = 7
crop_size = (512, 512)
train_prefix = dict(
    img_path='img_dir/train', seg_map_path='ann_dir/train')
val_prefix = dict(
    img_path='img_dir/val',
    seg_map_path='ann_dir/val')
weak_augment = [
    dict(
        type='RandomResize',
        scale=(1024, 1024),
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
train_dataloader = dict(
    dataset=dict(
        labeled=dict(
            type=dataset_type,
            data_root=data_root,
            data_prefix=train_prefix,
            ann_file='splits/loveda/1-16/labeled.txt',
            pipeline=labeled_pipeline),
        unlabeled=dict(
            type='UnlabeledDataset',
            data_root=data_root,
            data_prefix=dict(img_path=train_prefix['img_path']),
            ann_file='splits/loveda/1-16/unlabeled.txt',
            pipeline=unlabeled_pipeline)))
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=val_prefix,
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
