# Cityscapes: 2975 training images. The lists name the image and maybe the
# mask (gtFine/..._labelTrainIds.png) of each line.
_base_ = './_semi_base.py'
dataset_type = 'SplitCityscapesDataset'
data_root = 'data/cityscapes'
num_classes = 19
crop_size = (512, 512)
train_prefix = dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train')
weak_augment = [
    dict(
        type='RandomResize',
        scale=(2048, 1024),
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
    batch_size=6,
    dataset=dict(
        labeled=dict(
            type=dataset_type,
            data_root=data_root,
            data_prefix=train_prefix,
            ann_file='splits/cityscapes/1-16/labeled.txt',
            pipeline=labeled_pipeline),
        unlabeled=dict(
            type='UnlabeledDataset',
            data_root=data_root,
            data_prefix=dict(img_path=train_prefix['img_path']),
            img_suffix='_leftImg8bit.png',
            ann_file='splits/cityscapes/1-16/unlabeled.txt',
            pipeline=unlabeled_pipeline)))
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(
            img_path='leftImg8bit/val', seg_map_path='gtFine/val'),
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
