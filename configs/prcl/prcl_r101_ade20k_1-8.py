_base_ = './prcl_r101_ade20k_1-16.py'
train_dataloader = dict(
    dataset=dict(
        labeled=dict(ann_file='splits/ade20k/1-8/labeled.txt'),
        unlabeled=dict(ann_file='splits/ade20k/1-8/unlabeled.txt')))
