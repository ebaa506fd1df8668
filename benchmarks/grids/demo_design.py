# The default contrast with one setting changed at a time, on the demo.
_base_ = './demo.py'
prcl = 'configs/prcl/prcl_demo.py'
contrast = 'model.terms.contrast'
variants = dict(
    pixel_negatives={
        f'{contrast}.loss.negatives':
        dict(type='PixelNegatives', num_negatives=512, _delete_=True)
    },
    virtual_negatives={
        f'{contrast}.loss.negatives':
        dict(type='VirtualNegatives', num_negatives=256, _delete_=True)
    },
    batch_prototypes={f'{contrast}.loss.prototypes': 'batch'},
    posterior_variance={f'{contrast}.loss.prototype_variance': 'posterior'},
    not_normalized={f'{contrast}.similarity.normalize': False},
    one_variance={f'{contrast}.head.fixed_variance': 0.1},
    variance_from_half={f'{contrast}.head.initial_variance': 0.5},
    temperature_03={f'{contrast}.similarity.temperature': 0.3},
    temperature_3={f'{contrast}.similarity.temperature': 3.0},
    weight_01={f'{contrast}.loss.loss_weight': 0.1},
    weight_1={f'{contrast}.loss.loss_weight': 1.0},
    hard_anchors={f'{contrast}.loss.anchors.threshold': 0.8},
    ramp_down={
        f'{contrast}.ramp': dict(type='GaussianRampDown', _delete_=True)
    },
    doubtful_pixels={f'{contrast}.confidence_threshold': 0.0},
    prototypes_label={'model.strategy.labeler.prototype_weight': 1.0},
    # The arithmetic of the published code, without its head and ramp.
    reference={
        f'{contrast}.similarity.reduction': 'mean',
        f'{contrast}.similarity.temperature': 100.0,
        f'{contrast}.loss':
        dict(
            loss_weight=1.0,
            prototypes='batch',
            prototype_variance='posterior',
            anchors=dict(threshold=0.8),
            negatives=dict(
                type='PixelNegatives',
                num_negatives=512,
                shared=False,
                _delete_=True))
    })
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
del prcl, contrast, variants
