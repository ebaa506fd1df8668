_base_ = './prcl_r101_voc_92.py'
train_dataloader = dict(
    dataset=dict(
        labeled=dict(ann_file='splits/classic/366/labeled.txt'),
        unlabeled=dict(ann_file='splits/classic/366/unlabeled.txt')))
