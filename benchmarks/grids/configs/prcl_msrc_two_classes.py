# MSRC with two classes: living things, and the rest.
_base_ = '../../../configs/prcl/prcl_efficientnet-lite0_msrc_n40.py'
num_classes = 2
# cow, sheep, face, bird, cat, dog, body
living = (3, 4, 8, 13, 17, 18, 19)
two_classes = dict(
    type='SplitSegDataset',
    metainfo=dict(
        classes=('rest', 'living'), palette=[[110, 110, 110], [230, 90, 60]]),
    label_map={label: int(label in living)
               for label in range(21)})
model = dict(num_classes=num_classes)
train_dataloader = dict(dataset=dict(labeled=two_classes))
val_dataloader = dict(dataset=two_classes)
test_dataloader = dict(dataset=two_classes)
