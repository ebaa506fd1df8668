# Pascal VOC 2012, "classic": 92 to 1464 of its own finely labelled training
# images; all other images, those of SBD included, are unlabelled.
_base_ = './voc_blended_semi.py'
train_dataloader = dict(
    dataset=dict(
        labeled=dict(
            data_prefix=dict(seg_map_path='SegmentationClass'),
            ann_file='splits/classic/92/labeled.txt'),
        unlabeled=dict(ann_file='splits/classic/92/unlabeled.txt')))
