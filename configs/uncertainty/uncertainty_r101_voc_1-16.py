_base_ = '../prcl/prcl_r101_voc_1-16.py'
test_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU']),
    # The classes are separated by a band of about 5 pixels without label.
    dict(type='UncertaintyMetric', edge_width=8)
]
