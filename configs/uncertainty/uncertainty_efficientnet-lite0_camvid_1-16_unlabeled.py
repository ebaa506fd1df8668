# The pseudo-labels themselves: the unlabelled images, whose masks this data
# set happens to have. The second column of the list names them.
_base_ = './uncertainty_efficientnet-lite0_camvid_1-16.py'
test_dataloader = dict(dataset=dict(ann_file='splits/1-16/unlabeled.txt'))
