_base_ = '../prcl/prcl_efficientnet-lite0_camvid_1-16.py'
test_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU']),
    dict(type='UncertaintyMetric')
]
