_base_ = './supervised_r101_coco_stuff164k_1-32.py'
train_dataloader = dict(
    dataset=dict(
        labeled=dict(ann_file='splits/coco_stuff164k/1-64/labeled.txt'),
        unlabeled=dict(ann_file='splits/coco_stuff164k/1-64/unlabeled.txt')))
