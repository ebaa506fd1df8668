_base_ = './mean_teacher_r50_loveda_1-16.py'
train_dataloader = dict(
    dataset=dict(
        labeled=dict(ann_file='splits/loveda/1-8/labeled.txt'),
        unlabeled=dict(ann_file='splits/loveda/1-8/unlabeled.txt')))
