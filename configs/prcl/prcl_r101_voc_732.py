_base_ = './prcl_r101_voc_92.py'
train_dataloader = dict(
    dataset=dict(
        labeled=dict(ann_file='splits/classic/732/labeled.txt'),
        unlabeled=dict(ann_file='splits/classic/732/unlabeled.txt')))
