_base_ = '../prcl/prcl_demo.py'
test_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU']),
    dict(type='UncertaintyMetric')
]
