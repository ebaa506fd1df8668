# Your own data. Copy this file, change what stands above the line, and name
# the copy in a leaf config such as configs/prcl/prcl_r50_custom.py.
data_root = 'data/custom'
# Folders below data_root. The mask of images/x/a.jpg is masks/x/a.png.
image_folder = 'images'
mask_folder = 'masks'
# None takes images of all usual endings.
img_suffix = '.jpg'
seg_map_suffix = '.png'
# Lists, below data_root or below the working directory:
# tools/dataset_converters/semi_splits.py makes them from the folders.
labeled_list = 'splits/custom/labeled.txt'
unlabeled_list = 'splits/custom/unlabeled.txt'
val_list = 'splits/custom/val.txt'
# In the order of their numbers in the masks.
classes = ('background', 'object')
palette = [[0, 0, 0], [220, 20, 60]]
# Classes of other values in the masks: {255: 1} for masks of 0 and 255, {9: 255} to
# ignore 9. Values above 255 need load_mask=dict(type='LoadWideAnnotations').
label_map = {}
# True if the masks count from 1 and 0 is no class.
reduce_zero_label = False
# Gray images: dict(type='LoadImageFromFile', color_type='grayscale').
# 16 bits: color_type='unchanged', to_float32=True.
# Any number of channels, .npy or .tif: dict(type='LoadMultiChannelImage',
# channels=5).
load_image = dict(type='LoadImageFromFile')
load_mask = dict(type='LoadAnnotations')
# One value per channel, red first, in the units of the files; by default those
# that the network was trained with.
pixel_mean = []
pixel_std = []
# Height and width of what the training sees of an image.
crop_size = (320, 320)
# The long side of an image is resized to the larger number at most, the short
# side to the smaller one; times 0.5 to 1.5 in training.
scale = (640, 640)
batch_size = 4
# ----------------------------------------------------------------------------
num_classes = len(classes)
normalization = dict(mean=pixel_mean, std=pixel_std) if pixel_mean else dict()
first_layer = dict(in_channels=len(pixel_mean)) if pixel_mean else dict()
data = dict(
    type='SplitSegDataset',
    data_root=data_root,
    data_prefix=dict(img_path=image_folder, seg_map_path=mask_folder),
    img_suffix=img_suffix,
    seg_map_suffix=seg_map_suffix,
    metainfo=dict(classes=classes, palette=palette),
    label_map=label_map,
    reduce_zero_label=reduce_zero_label)
weak_augment = [
    dict(
        type='RandomResize',
        scale=scale,
        ratio_range=(0.5, 1.5),
        keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs')
]
labeled_pipeline = [load_image, load_mask, *weak_augment]
unlabeled_pipeline = [load_image, *weak_augment]
test_pipeline = [
    load_image,
    dict(type='Resize', scale=scale, keep_ratio=True),
    # After the resize: the mask keeps its own size.
    load_mask,
    dict(type='PackSegInputs')
]
tta_pipeline = [
    load_image,
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
                    ], [load_mask], [dict(type='PackSegInputs')]])
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='SemiSegDataset',
        samples_per_item=(1, 1),
        labeled=dict(ann_file=labeled_list, pipeline=labeled_pipeline, **data),
        unlabeled=dict(
            type='UnlabeledDataset',
            data_root=data_root,
            data_prefix=dict(img_path=image_folder),
            ann_file=unlabeled_list,
            exclude=[val_list],
            pipeline=unlabeled_pipeline)))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=val_list, pipeline=test_pipeline, **data))
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
