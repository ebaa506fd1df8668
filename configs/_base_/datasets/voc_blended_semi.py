# Pascal VOC 2012 with the SBD masks ("blended"): 10582 training images.
# The lists are yours to put below splits/: one id per line, or image and
# mask per line.
_base_ = './_semi_base.py'
dataset_type = 'SplitVOCDataset'
data_root = 'data/VOCdevkit/VOC2012'
num_classes = 21
crop_size = (321, 321)
data_prefix = dict(
    img_path='JPEGImages', seg_map_path='SegmentationClassAug')
weak_augment = [
    dict(
        type='RandomResize',
        scale=(500, 500),
        ratio_range=(0.5, 1.5),
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
            data_prefix=data_prefix,
            ann_file='splits/blended/1-16/labeled.txt',
            pipeline=labeled_pipeline),
        unlabeled=dict(
            type='UnlabeledDataset',
            data_root=data_root,
            data_prefix=dict(img_path='JPEGImages'),
            img_suffix='.jpg',
            ann_file='splits/blended/1-16/unlabeled.txt',
            pipeline=unlabeled_pipeline)))
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(
            img_path='JPEGImages', seg_map_path='SegmentationClass'),
        ann_file='ImageSets/Segmentation/val.txt',
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
