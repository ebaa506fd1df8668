_base_ = './mean_teacher_efficientnet-lite0_camvid_1-16.py'
train_dataloader = dict(
    dataset=dict(
        labeled=dict(ann_file='splits/n6/labeled.txt'),
        unlabeled=dict(ann_file='splits/n6/unlabeled.txt')))
