_base_ = './supervised_r101_cityscapes_1-16.py'
train_dataloader = dict(
    dataset=dict(
        labeled=dict(ann_file='splits/cityscapes/1-4/labeled.txt'),
        unlabeled=dict(ann_file='splits/cityscapes/1-4/unlabeled.txt')))
