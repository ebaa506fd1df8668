# The default contrast with one setting changed at a time, on the demo.
_base_ = './demo.py'
prcl = 'configs/prcl/prcl_demo.py'
variants = dict(
    pixel_negatives={
        'model.contrast.negatives':
        dict(type='PixelNegatives', num_negatives=512, _delete_=True)
    },
    virtual_negatives={
        'model.contrast.negatives':
        dict(type='VirtualNegatives', num_negatives=256, _delete_=True)
    },
    batch_prototypes={'model.contrast.prototypes': 'batch'},
    posterior_variance={'model.contrast.prototype_variance': 'posterior'},
    not_normalized={'model.contrast.normalize': False},
    one_variance={'model.probabilistic_head.fixed_variance': 0.1},
    variance_from_half={'model.probabilistic_head.initial_variance': 0.5},
    temperature_03={'model.contrast.temperature': 0.3},
    temperature_3={'model.contrast.temperature': 3.0},
    weight_01={'model.contrast.loss_weight': 0.1},
    weight_1={'model.contrast.loss_weight': 1.0},
    hard_anchors={'model.contrast.anchors.threshold': 0.8},
    ramp_down={
        'model.contrast_ramp': dict(type='GaussianRampDown', _delete_=True)
    },
    doubtful_pixels={'model.confidence_threshold': 0.0},
    prototypes_label={'model.prototype_weight': 1.0},
    reference={'model.contrast': dict(
        type='MLSContrastLoss', preset='reference', _delete_=True)})
methods = {
    '_delete_': True,
    'prcl': dict(config=prcl),
    **{name: dict(config=prcl, cfg_options=options)
       for name, options in variants.items()}
}
cfg_options = {
    'test_evaluator': [
        dict(type='IoUMetric', iou_metrics=['mIoU']),
        dict(type='UncertaintyMetric')
    ]
}
# Only what a grid knows may remain.
del prcl, variants
